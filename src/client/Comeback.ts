import { CloseCode, closeReason, comesBack } from "../protocol/CloseCode.ts"
import { type BackoffBounds, backoffMs } from "./Backoff.ts"
import type { StopReason } from "./DriverEvents.ts"
import type { Goodbye } from "./ServerFrames.ts"

/** What follows a lost connection: another try after so many milliseconds, or none. */
export type Aftermath =
  | { readonly kind: "come_back"; readonly afterMs: number }
  | { readonly kind: "stay_away"; readonly stop: StopReason }

/** Close codes after which a newer token may help. */
export const isAboutToken = (code: number): boolean =>
  code === CloseCode.tokenInvalid || code === CloseCode.tokenExpired

/** Decides after each loss whether and when to connect again (02-protocol, section 1, close codes). */
export class Comeback {
  private readonly bounds: BackoffBounds
  private readonly random: () => number
  private failures = 0
  private wasTokenRefused = false

  /** `random` is uniform in [0, 1). */
  constructor(bounds: BackoffBounds, random: () => number) {
    this.bounds = bounds
    this.random = random
  }

  /**
   * The server did something for us, which shows that it is well: the next loss begins with the shortest wait. A WELCOME alone is no
   * such sign, or a server that welcomes and drops would be asked five times a second.
   */
  progressed(): void {
    this.failures = 0
    this.wasTokenRefused = false
  }

  /** Somebody does not want to wait any longer. */
  hurry(): void {
    this.failures = 0
  }

  /** A refused token is worth one more try with a new one; any other code from 4500 on is final. */
  after({ code, reason, retryAfterMs }: Goodbye): Aftermath {
    const mayAskOnceMore = code === CloseCode.tokenInvalid && !this.wasTokenRefused
    if (code === CloseCode.tokenInvalid) this.wasTokenRefused = true
    if (!comesBack(code) && !mayAskOnceMore) {
      const stop: StopReason = { kind: "closed", code, reason: reason || (closeReason[code as CloseCode] ?? "") }
      return { kind: "stay_away", stop }
    }
    return { kind: "come_back", afterMs: backoffMs(this.bounds, this.failures++, retryAfterMs, this.random()) }
  }
}
