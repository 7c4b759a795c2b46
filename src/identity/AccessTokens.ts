import { Clock, Context, Effect, Layer, Schema } from "effect"
import { errors, type JWTPayload, jwtVerify, SignJWT } from "jose"
import { Limits } from "../config/Limits.ts"
import { isUuid } from "../domain/Ids.ts"
import { isRole, type Principal, type Role } from "./Principal.ts"
import { Secret } from "./Secret.ts"

/** The token is not one of ours, or not meant for us. Retry: never, with this token. */
export class TokenInvalid extends Schema.TaggedError<TokenInvalid>()("TokenInvalid", {
  /** For metrics and logs; a client learns only that it is invalid. */
  reason: Schema.Literals(["too_long", "malformed", "signature", "claims", "revoked"])
}) {}

/** The token was ours and its time is over. Retry: with a fresh one. */
export class TokenExpired extends Schema.TaggedError<TokenExpired>()("TokenExpired", { expiredAtMs: Schema.Number }) {}

/** Who a token is made for. */
export interface TokenSubject {
  readonly userId: string
  readonly sessionId: string
  readonly roles: Iterable<Role>
  readonly driverId?: string | undefined
  readonly customerId?: string | undefined
}

/** A signed token and when it ends. */
export interface IssuedToken {
  readonly token: string
  readonly expiresAtMs: number
}

const issuer = "dropmate"
const audience = "dropmate"
const algorithm = "HS256"
// RFC 9068, section 2.1: the type keeps any other JWT that we may ever sign from passing as an access token.
const tokenType = "at+jwt"

/**
 * Access tokens: JWTs of one pinned algorithm (HMAC-SHA256) with a key derived from DROPMATE_SECRET. Claims: `sub` the user, `sid`
 * the auth session, `roles`, `drv` and `cus` the driver and customer that the user is, `iat`, `exp`, `iss`, `aud`. The header's `kid`,
 * `jku` and the like are never followed.
 * Says nothing about revocation: see Revocations.
 */
export class AccessTokens extends Context.Service<
  AccessTokens,
  {
    readonly issue: (subject: TokenSubject, ttlS: number) => Effect.Effect<IssuedToken>
    readonly verify: (token: string) => Effect.Effect<Principal, TokenInvalid | TokenExpired>
  }
>()("dropmate/identity/AccessTokens") {
  static readonly layer = Layer.effect(
    AccessTokens,
    Effect.gen(function* () {
      const limits = yield* Limits
      const secret = yield* Secret
      const key = yield* Effect.promise(() =>
        crypto.subtle.importKey("raw", secret.key("access-token"), { name: "HMAC", hash: "SHA-256" }, false, [
          "sign",
          "verify"
        ])
      )
      const issue = Effect.fnUntraced(function* (subject: TokenSubject, ttlS: number) {
        const issuedAtS = Math.floor((yield* Clock.currentTimeMillis) / 1000)
        const token = yield* Effect.promise(() =>
          new SignJWT(claimsOf(subject))
            .setProtectedHeader({ alg: algorithm, typ: tokenType })
            .setIssuer(issuer)
            .setAudience(audience)
            .setSubject(subject.userId)
            .setIssuedAt(issuedAtS)
            .setExpirationTime(issuedAtS + ttlS)
            .sign(key)
        )
        return { token, expiresAtMs: (issuedAtS + ttlS) * 1000 }
      })
      const verify = Effect.fnUntraced(function* (token: string) {
        // Before anything is parsed: a token of 64 KiB must not cost more than one of none.
        if (token.length > limits.tokenBytesMax) return yield* new TokenInvalid({ reason: "too_long" })
        const nowMs = yield* Clock.currentTimeMillis
        const verified = yield* Effect.tryPromise({
          try: () =>
            jwtVerify(token, key, {
              algorithms: [algorithm],
              typ: tokenType,
              issuer,
              audience,
              requiredClaims: ["sub", "sid", "iat", "exp"],
              clockTolerance: limits.clockSkewS,
              maxTokenAge: limits.provisionedTokenTtlS + limits.clockSkewS,
              currentDate: new Date(nowMs)
            }),
          catch: refusal
        })
        const principal = principalOf(verified.payload)
        return principal ?? (yield* new TokenInvalid({ reason: "claims" }))
      })
      return AccessTokens.of({ issue, verify })
    })
  )
}

const claimsOf = (subject: TokenSubject): JWTPayload => ({
  sid: subject.sessionId,
  roles: [...subject.roles],
  ...(subject.driverId === undefined ? {} : { drv: subject.driverId }),
  ...(subject.customerId === undefined ? {} : { cus: subject.customerId })
})

const refusal = (error: unknown): TokenInvalid | TokenExpired => {
  if (error instanceof errors.JWTExpired) return new TokenExpired({ expiredAtMs: Number(error.payload.exp) * 1000 })
  if (error instanceof errors.JWTClaimValidationFailed) return new TokenInvalid({ reason: "claims" })
  if (error instanceof errors.JWSSignatureVerificationFailed) return new TokenInvalid({ reason: "signature" })
  return new TokenInvalid({ reason: "malformed" })
}

const optionalUuid = (claim: unknown): boolean => claim === undefined || (typeof claim === "string" && isUuid(claim))

// Thousands of drivers are connected with the same few combinations of roles: one set serves each.
const roleSets = new Map<string, ReadonlySet<Role>>()
const roleSet = (granted: ReadonlyArray<Role>): ReadonlySet<Role> => {
  const key = [...new Set(granted)].sort().join(",")
  const known = roleSets.get(key)
  if (known !== undefined) return known
  const made = new Set(granted)
  roleSets.set(key, made)
  return made
}

const principalOf = (claims: JWTPayload): Principal | undefined => {
  const { sub, sid, drv, cus, iat, exp, roles } = claims
  if (typeof sub !== "string" || !isUuid(sub) || typeof sid !== "string" || !isUuid(sid)) return undefined
  if (!optionalUuid(drv) || !optionalUuid(cus)) return undefined
  if (!Array.isArray(roles) || !roles.every(isRole)) return undefined
  if (typeof iat !== "number" || typeof exp !== "number") return undefined
  return {
    userId: sub,
    sessionId: sid,
    roles: roleSet(roles),
    ...(typeof drv === "string" ? { driverId: drv } : {}),
    ...(typeof cus === "string" ? { customerId: cus } : {}),
    issuedAtMs: iat * 1000,
    expiresAtMs: exp * 1000
  }
}
