import { hkdfSync } from "node:crypto"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { Limits } from "../config/Limits.ts"

/** DROPMATE_SECRET is too short to sign with. */
export class SecretTooShort extends Schema.TaggedError<SecretTooShort>()("SecretTooShort", {
  bytes: Schema.Int,
  bytesMin: Schema.Int
}) {
  override get message(): string {
    return `DROPMATE_SECRET has ${this.bytes} bytes and needs at least ${this.bytesMin}`
  }
}

/** What the derived keys are for. A key of one purpose is worth nothing for another. */
export type KeyPurpose = "access-token" | "refresh-token" | "tracking-token" | "file-link" | "delivery-pin"

/** Keys derived from DROPMATE_SECRET, which itself goes no further than this file. */
export class Secret extends Context.Service<
  Secret,
  {
    /** 32 bytes, the same on every node with the same secret (HKDF-SHA256, RFC 5869). */
    readonly key: (purpose: KeyPurpose) => Uint8Array<ArrayBuffer>
  }
>()("dropmate/identity/Secret") {
  static readonly layer = (secret: Redacted.Redacted) =>
    Layer.effect(
      Secret,
      Effect.gen(function* () {
        const limits = yield* Limits
        const material = Buffer.from(Redacted.value(secret), "utf8")
        if (material.length < limits.secretBytesMin) {
          return yield* new SecretTooShort({ bytes: material.length, bytesMin: limits.secretBytesMin })
        }
        return Secret.of({
          key: (purpose) => new Uint8Array(hkdfSync("sha256", material, "dropmate", `dropmate/v1/${purpose}`, 32))
        })
      })
    )
}
