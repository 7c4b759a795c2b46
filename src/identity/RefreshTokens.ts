import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import { Context, Effect, Layer } from "effect"
import { uuidBytes } from "../domain/Ids.ts"
import { Secret } from "./Secret.ts"

/** A refresh token for a client, and what the server keeps of it. */
export interface MintedRefreshToken {
  readonly token: string
  /** SHA-256 of the token; the token itself is stored nowhere. */
  readonly hash: Uint8Array
}

/** What a genuine refresh token says. It may still be an old one. */
export interface ReadRefreshToken {
  readonly sessionId: string
  readonly generation: number
  readonly hash: Uint8Array
}

const sessionBytes = 16
const generationBytes = 4
const nonceBytes = 16
const macBytes = 32
const tokenChars = Math.ceil(((sessionBytes + generationBytes + nonceBytes + macBytes) * 4) / 3)

const uuidOf = (bytes: Buffer): string => {
  const hex = bytes.toString("hex")
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

const sha256 = (text: string): Uint8Array => new Uint8Array(createHash("sha256").update(text).digest())

/**
 * Refresh tokens: base64url of auth session (16 bytes), generation (4), random (16) and an HMAC-SHA256 of the three (32). The MAC
 * tells a genuine old token, whose return means theft and ends its family, from garbage, which must end nobody's.
 */
export class RefreshTokens extends Context.Service<
  RefreshTokens,
  {
    readonly mint: (sessionId: string, generation: number) => MintedRefreshToken
    /** Undefined: not one of ours. */
    readonly read: (token: string) => ReadRefreshToken | undefined
  }
>()("dropmate/identity/RefreshTokens") {
  static readonly layer = Layer.effect(
    RefreshTokens,
    Effect.gen(function* () {
      const key = (yield* Secret).key("refresh-token")
      const macOf = (body: Uint8Array): Buffer => createHmac("sha256", key).update(body).digest()
      const mint = (sessionId: string, generation: number): MintedRefreshToken => {
        const number = Buffer.alloc(generationBytes)
        number.writeUInt32BE(generation)
        const body = Buffer.concat([uuidBytes(sessionId), number, randomBytes(nonceBytes)])
        const token = Buffer.concat([body, macOf(body)]).toString("base64url")
        return { token, hash: sha256(token) }
      }
      const read = (token: string): ReadRefreshToken | undefined => {
        if (token.length !== tokenChars) return undefined
        const bytes = Buffer.from(token, "base64url")
        if (bytes.length !== sessionBytes + generationBytes + nonceBytes + macBytes) return undefined
        const body = bytes.subarray(0, -macBytes)
        if (!timingSafeEqual(macOf(body), bytes.subarray(-macBytes))) return undefined
        return {
          sessionId: uuidOf(body.subarray(0, sessionBytes)),
          generation: body.readUInt32BE(sessionBytes),
          hash: sha256(token)
        }
      }
      return RefreshTokens.of({ mint, read })
    })
  )
}
