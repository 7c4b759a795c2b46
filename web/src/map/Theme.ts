/** Gives the value of a design token (`--ink`) as it is now, light or dark. */
export type Theme = (token: string) => string

/** The page's tokens as they are now. */
export const currentTheme = (): Theme => {
  const style = getComputedStyle(document.documentElement)
  return (token) => style.getPropertyValue(token).trim()
}

/** Calls `changed` when the person switches between light and dark. Returns the function that stops it. */
export const onThemeChange = (changed: () => void): (() => void) => {
  const query = matchMedia("(prefers-color-scheme: dark)")
  query.addEventListener("change", changed)
  return () => query.removeEventListener("change", changed)
}
