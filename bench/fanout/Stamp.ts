/**
 * A move's due time travels in its longitude (degrees x 10^7): microseconds of the source's clock, modulo 2^29, above 2^30. So
 * it is a place on earth and takes the same five bytes in every frame.
 */
const base = 2 ** 30
const span = 2 ** 29

export const stampOf = (atMs: number): number => base + (Math.round(atMs * 1_000) % span)

/** Milliseconds from a stamp to `nowMs`; right for less than nine minutes. */
export const sinceStampMs = (stamp: number, nowMs: number): number =>
  ((((Math.round(nowMs * 1_000) - (stamp - base)) % span) + span) % span) / 1_000
