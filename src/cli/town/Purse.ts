import type { SeededRandom } from "../../domain/simulation/SeededRandom.ts"
import type { SandboxToken } from "../../processors/SandboxProcessor.ts"

/**
 * What a customer tries to pay with first, with its share of 1. Those are left out whose money ends elsewhere than the order says, since
 * the processor itself refuses a capture or a refund.
 */
const firstTries: ReadonlyArray<readonly [SandboxToken, number]> = [
  ["tok_ok", 0.7],
  ["tok_declined", 0.06],
  ["tok_insufficient_funds", 0.04],
  ["tok_expired_card", 0.03],
  ["tok_requires_action", 0.02],
  ["tok_slow", 0.03],
  ["tok_timeout", 0.03],
  ["tok_lost", 0.02],
  ["tok_capture_timeout", 0.03],
  ["tok_void_timeout", 0.02],
  ["tok_refund_timeout", 0.02]
]

/** What a customer pays with: after a refusal something that works. */
export const paymentTries = (random: SeededRandom): readonly [SandboxToken, SandboxToken] => {
  let rest = random.next()
  const first = firstTries.find(([, share]) => {
    rest -= share
    return rest < 0
  })
  return [first?.[0] ?? "tok_ok", "tok_ok"]
}
