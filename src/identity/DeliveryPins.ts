import { createHmac } from "node:crypto"
import { Context, Effect, Layer } from "effect"
import { Secret } from "./Secret.ts"

const digits = 6

/**
 * The PIN that a customer tells the driver at the door: six digits of an HMAC-SHA256 of the order's id with a key derived from
 * DROPMATE_SECRET. Nothing keeps it; it is derived again for whoever may see it, and to compare.
 */
export class DeliveryPins extends Context.Service<
  DeliveryPins,
  {
    /** `orderId` is a bare UUID. */
    readonly pinOf: (orderId: string) => string
  }
>()("dropmate/identity/DeliveryPins") {
  static readonly layer = Layer.effect(
    DeliveryPins,
    Effect.map(Secret, (secret) => {
      const key = secret.key("delivery-pin")
      return {
        pinOf: (orderId) => {
          // 48 bits: the remainder favours no PIN by more than one in 10^8.
          const number = createHmac("sha256", key).update(orderId).digest().readUIntBE(0, 6)
          return String(number % 10 ** digits).padStart(digits, "0")
        }
      }
    })
  )
}
