/**
 * Whether a browser's page may open a socket. No Origin header means no browser: such clients hold their token themselves and
 * cannot be tricked into sending it. Otherwise the origin must be the server's own (its host is the one asked for) or on the
 * list; compared whole, so neither a suffix nor "null" passes.
 */
export const isOriginAllowed = (origin: string, host: string, allowed: ReadonlySet<string>): boolean => {
  if (origin === "") return true
  if (allowed.has(origin)) return true
  if (!URL.canParse(origin)) return false
  const url = new URL(origin)
  return (url.protocol === "http:" || url.protocol === "https:") && url.host === host && url.origin === origin
}
