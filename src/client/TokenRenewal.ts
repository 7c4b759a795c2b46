import type { ClientClock } from "./ClientClock.ts"
import type { ServerTime } from "./ServerTime.ts"
import type { TokenSource } from "./TokenSource.ts"

/** Who gets the fresh token. */
export interface TokenRenewalOwner {
  readonly renewed: (token: string) => void
  /** There is no token any more. */
  readonly signedOut: () => void
  readonly failed: (cause: unknown) => void
}

/** A renewal that failed, or that gave a token at its end, is tried again after this. */
const renewAgainMs = 5_000

/** Asks for a fresh token before the one of a live connection ends, so that the connection outlives it. */
export class TokenRenewal {
  private readonly tokens: TokenSource
  private readonly time: ServerTime
  private readonly clock: ClientClock
  private readonly owner: TokenRenewalOwner
  private nextAtMs = Number.POSITIVE_INFINITY
  /** Rises at each end, so that an answer to an earlier connection's question is not heard. */
  private runNo = 0

  constructor(tokens: TokenSource, time: ServerTime, clock: ClientClock, owner: TokenRenewalOwner) {
    this.tokens = tokens
    this.time = time
    this.clock = clock
    this.owner = owner
  }

  /** When `run` should be called; monotonic milliseconds or infinity. */
  get dueAtMs(): number {
    return this.nextAtMs
  }

  /** A connection lives with the token at hand. */
  begin(): void {
    this.nextAtMs = this.time.monotonicMs(this.tokens.renewAtMs)
  }

  /** The connection is over. */
  end(): void {
    this.runNo++
    this.nextAtMs = Number.POSITIVE_INFINITY
  }

  run(): void {
    const run = this.runNo
    this.nextAtMs = Number.POSITIVE_INFINITY
    this.tokens.renew().then(
      (token) => {
        if (run !== this.runNo) return
        if (token === undefined) {
          this.owner.signedOut()
          return
        }
        // A provider that keeps handing out tokens at their end must not be asked in a tight loop.
        this.nextAtMs = Math.max(this.time.monotonicMs(this.tokens.renewAtMs), this.againAtMs)
        this.owner.renewed(token)
      },
      (cause: unknown) => {
        if (run !== this.runNo) return
        this.nextAtMs = this.againAtMs
        this.owner.failed(cause)
      }
    )
  }

  private get againAtMs(): number {
    return this.clock.monotonicMs() + renewAgainMs
  }
}
