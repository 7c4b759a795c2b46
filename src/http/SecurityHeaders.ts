/** What every answer carries. The API shows no pages, so nothing may be loaded, framed or guessed at. */
export const securityHeaders: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "geolocation=(), camera=(), microphone=()",
  "strict-transport-security": "max-age=31536000",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
}

// The page of the API's documentation is one file with its script and styles inside, and asks this server only.
const pageSecurityPolicy =
  "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; " +
  "connect-src 'self'; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

/** The headers that depend on what is answered: a page gets the policy of pages. */
export const securityHeadersFor = (contentType: string | undefined): Readonly<Record<string, string>> =>
  contentType?.startsWith("text/html") === true
    ? { ...securityHeaders, "content-security-policy": pageSecurityPolicy }
    : securityHeaders
