import { Problem } from "../../../src/client/Problem.ts"
import { type Login, RestClient } from "../../../src/client/RestClient.ts"
import type { TokenReason } from "../../../src/client/TokenSource.ts"

interface Kept {
  readonly accessToken: string
  readonly refreshToken: string
  /** Unix milliseconds by this machine's clock. */
  readonly freshUntilMs: number
  readonly email: string
  readonly role: string
}

const storageKey = "dropmate.session"
/** A refresh token may be used once, so tabs that share it take turns. */
const lockName = "dropmate.session.refresh"

/** The person is signed out, here or by the server. */
export class SignedOut extends Error {
  constructor() {
    super("signed out")
    this.name = "SignedOut"
  }
}

const keptOf = (login: Login): Kept => ({
  accessToken: login.access_token,
  refreshToken: login.refresh_token,
  freshUntilMs: Date.now() + Math.max(login.expires_in_s - 60, login.expires_in_s / 2) * 1_000,
  email: login.user.email,
  role: login.user.role
})

const inTurn = <A>(work: () => Promise<A>): Promise<A> =>
  "locks" in navigator ? navigator.locks.request(lockName, work) : work()

/** Whoever is signed in on this browser. Tokens outlive a reload; every tab uses the same ones. */
export class Session {
  readonly rest = new RestClient({ url: location.origin, retryForMs: 0 })
  private renewal: Promise<string> | undefined

  constructor() {
    this.rest.authorizeWith(() => this.accessToken(false))
  }

  /** Who it is; undefined when signed out. */
  get email(): string | undefined {
    return this.kept()?.email
  }

  /** @throws Problem | ServerUnreachable */
  async signIn(email: string, password: string): Promise<void> {
    this.keep(keptOf(await this.rest.login(email, password)))
  }

  signOut(): void {
    localStorage.removeItem(storageKey)
  }

  /** For streams: undefined when signed out; rejects when the server cannot be asked now. */
  async streamToken(reason: TokenReason): Promise<string | undefined> {
    try {
      return await this.accessToken(reason !== "start")
    } catch (cause) {
      if (cause instanceof SignedOut) return undefined
      throw cause
    }
  }

  private async accessToken(isNewWanted: boolean): Promise<string> {
    const kept = this.kept()
    if (kept === undefined) throw new SignedOut()
    if (!isNewWanted && Date.now() < kept.freshUntilMs) return kept.accessToken
    this.renewal ??= inTurn(() => this.renew(kept)).finally(() => {
      this.renewal = undefined
    })
    return this.renewal
  }

  private async renew(old: Kept): Promise<string> {
    const kept = this.kept()
    if (kept === undefined) throw new SignedOut()
    // Another tab was faster.
    if (kept.accessToken !== old.accessToken) return kept.accessToken
    try {
      const fresh = keptOf(await this.rest.refresh(kept.refreshToken))
      this.keep(fresh)
      return fresh.accessToken
    } catch (cause) {
      if (!(cause instanceof Problem) || cause.status !== 401) throw cause
      this.signOut()
      throw new SignedOut()
    }
  }

  private kept(): Kept | undefined {
    const text = localStorage.getItem(storageKey)
    return text === null ? undefined : (JSON.parse(text) as Kept)
  }

  private keep(kept: Kept): void {
    localStorage.setItem(storageKey, JSON.stringify(kept))
  }
}
