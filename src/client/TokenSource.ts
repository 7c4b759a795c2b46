/** Why a token is asked for: `start` the first one, `expiring` the last one ends soon, `refused` the server did not take it. */
export type TokenReason = "start" | "expiring" | "refused"

/**
 * Hands out an access token. May be asked again at any time, so it should refresh, not remember. Undefined means that the
 * driver is signed out, and the client stops; a rejection means "not now", and the client asks again later.
 */
export type TokenProvider = (reason: TokenReason) => Promise<string | undefined>

/** A renewed token is asked for this long before the old one ends, or at two thirds of a shorter life. */
const renewBeforeMs = 60_000

/** Remembers one token and when it should be renewed, in the server's time. */
export class TokenSource {
  private readonly provider: TokenProvider
  private token: string | undefined
  private refused = false

  constructor(provider: TokenProvider) {
    this.provider = provider
  }

  /** The token at hand, or a new one when there is none, it was refused, or it ends soon. `serverMs`: the server's clock. */
  async current(serverMs: number): Promise<string | undefined> {
    if (this.token !== undefined && !this.refused && serverMs < renewAtMs(this.token)) return this.token
    return this.renew()
  }

  /** A fresh token, whatever is at hand. */
  async renew(): Promise<string | undefined> {
    const reason = this.refused ? "refused" : this.token === undefined ? "start" : "expiring"
    this.token = await this.provider(reason)
    this.refused = false
    return this.token
  }

  /** The server did not take the token: the next one will be asked for with that reason. */
  refuse(): void {
    this.refused = true
  }

  /** When the token at hand should be renewed, Unix milliseconds by the server's clock; infinity when it does not say. */
  get renewAtMs(): number {
    return this.token === undefined ? Number.POSITIVE_INFINITY : renewAtMs(this.token)
  }
}

/** Reads `exp` and `iat` of a JWT without verifying anything: only the server can, and only the time matters here. */
const renewAtMs = (token: string): number => {
  const payload = token.split(".")[1]
  if (payload === undefined) return Number.POSITIVE_INFINITY
  let claims: { readonly exp?: unknown; readonly iat?: unknown }
  try {
    claims = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")))
  } catch {
    // An opaque token is as good as a JWT: the server says 4004 when it has ended.
    return Number.POSITIVE_INFINITY
  }
  if (typeof claims.exp !== "number") return Number.POSITIVE_INFINITY
  const lifeMs = typeof claims.iat === "number" ? (claims.exp - claims.iat) * 1_000 : Number.POSITIVE_INFINITY
  return claims.exp * 1_000 - Math.min(renewBeforeMs, lifeMs / 3)
}
