/** Whether the person asked their system for less motion: maps then jump instead of gliding, flying and fading. */
export const prefersStill = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches
