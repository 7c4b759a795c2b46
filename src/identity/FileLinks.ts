import { createHmac, timingSafeEqual } from "node:crypto"
import { Context, Effect, Layer } from "effect"
import { Secret } from "./Secret.ts"

/** Signatures of download links: whoever holds a link may read one file until it expires, without a token. */
export class FileLinks extends Context.Service<
  FileLinks,
  {
    /** `fileId` is a bare UUID; `expiresS` is Unix seconds. */
    readonly sign: (fileId: string, expiresS: number) => string
    readonly isSigned: (fileId: string, expiresS: number, signature: string) => boolean
  }
>()("dropmate/identity/FileLinks") {
  static readonly layer = Layer.effect(
    FileLinks,
    Effect.map(Secret, (secret) => {
      const key = secret.key("file-link")
      const mac = (fileId: string, expiresS: number): Buffer =>
        createHmac("sha256", key).update(`${fileId} ${expiresS}`).digest()
      return {
        sign: (fileId, expiresS) => mac(fileId, expiresS).toString("base64url"),
        isSigned: (fileId, expiresS, signature) => {
          const given = Buffer.from(signature, "base64url")
          return given.length === 32 && timingSafeEqual(given, mac(fileId, expiresS))
        }
      }
    })
  )
}
