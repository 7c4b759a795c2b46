import { createHmac, createSign, generateKeyPairSync } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { defaultLimits } from "../../src/config/Limits.ts"
import { AccessTokens } from "../../src/identity/AccessTokens.ts"
import { Secret } from "../../src/identity/Secret.ts"
import { testSecret } from "../kit/RestServer.ts"

const live = AccessTokens.layer.pipe(Layer.provideMerge(Secret.layer(testSecret)))
const subject = {
  userId: "019a0000-0000-7000-8000-000000000001",
  sessionId: "019a0000-0000-7000-8000-000000000002",
  roles: ["driver"] as const,
  driverId: "019a0000-0000-7000-8000-000000000003"
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url")

const claims = (change: Record<string, unknown> = {}) => ({
  sid: subject.sessionId,
  roles: ["admin"],
  iss: "dropmate",
  aud: "dropmate",
  sub: subject.userId,
  iat: 0,
  exp: 900,
  ...change
})

const header = (change: Record<string, unknown> = {}) => ({ alg: "HS256", typ: "at+jwt", ...change })

const hs = (head: object, payload: object, key: Uint8Array | string, hash = "sha256"): string => {
  const signed = `${part(head)}.${part(payload)}`
  return `${signed}.${createHmac(hash, key).update(signed).digest("base64url")}`
}

const forged = (key: Uint8Array): Readonly<Record<string, string>> => {
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048 })
  const publicPem = pair.publicKey.export({ type: "spki", format: "pem" }).toString()
  const rs = `${part(header({ alg: "RS256" }))}.${part(claims())}`
  const good = hs(header(), claims(), key)
  const [head = "", payload = "", mac = ""] = good.split(".")
  return {
    "algorithm none": `${part(header({ alg: "none" }))}.${part(claims())}.`,
    "algorithm None in another case": `${part(header({ alg: "nOnE" }))}.${part(claims())}.`,
    "algorithm none with our signature": `${part(header({ alg: "none" }))}.${payload}.${mac}`,
    "signature left out": `${head}.${payload}.`,
    "signed with RSA": `${rs}.${createSign("RSA-SHA256").update(rs).sign(pair.privateKey, "base64url")}`,
    "HMAC with a public key as its secret": hs(header(), claims(), publicPem),
    "HS384 with our key": hs(header({ alg: "HS384" }), claims(), key, "sha384"),
    "HS512 with our key": hs(header({ alg: "HS512" }), claims(), key, "sha512"),
    "another key": hs(header(), claims(), "not the key"),
    "an empty key": hs(header(), claims(), ""),
    "payload changed after signing": `${head}.${part(claims({ sub: subject.driverId }))}.${mac}`,
    "header changed after signing": `${part(header({ kid: "1" }))}.${payload}.${mac}`,
    "kid that is a path, unsigned": hs(header({ kid: "../../../../dev/null" }), claims(), ""),
    "kid that is SQL": hs(header({ kid: "x' UNION SELECT 'key" }), claims(), "key"),
    "jku elsewhere": hs(header({ jku: "https://attacker.example/keys" }), claims(), "key"),
    "its own key in the header": hs(header({ jwk: { kty: "oct", k: "a2V5" } }), claims(), "key"),
    "a critical header that nobody knows": hs(header({ crit: ["exp"], exp: 1 }), claims(), key),
    "another type": hs(header({ typ: "JWT" }), claims(), key),
    "no type": hs({ alg: "HS256" }, claims(), key),
    "another issuer": hs(header(), claims({ iss: "dropmate.example" }), key),
    "no issuer": hs(header(), claims({ iss: undefined }), key),
    "another audience": hs(header(), claims({ aud: "other" }), key),
    "no audience": hs(header(), claims({ aud: undefined }), key),
    "not valid before tomorrow": hs(header(), claims({ nbf: 86_400 }), key),
    "issued in the future": hs(header(), claims({ iat: 3_600, exp: 7_200 }), key),
    "no expiry": hs(header(), claims({ exp: undefined }), key),
    "an expiry that is text": hs(header(), claims({ exp: "900" }), key),
    "no issue time": hs(header(), claims({ iat: undefined }), key),
    "no subject": hs(header(), claims({ sub: undefined }), key),
    "a subject that is SQL": hs(header(), claims({ sub: "' OR 1=1 --" }), key),
    "a subject that is an object": hs(header(), claims({ sub: { id: 1 } }), key),
    "no session": hs(header(), claims({ sid: undefined }), key),
    "a driver that is no id": hs(header(), claims({ drv: "*" }), key),
    "a role that does not exist": hs(header(), claims({ roles: ["root"] }), key),
    "roles that are text": hs(header(), claims({ roles: "admin" }), key),
    "64 KiB": `${head}.${part(claims({ pad: "x".repeat(65_536) }))}.${mac}`,
    "64 KiB with our signature": hs(header(), claims({ pad: "x".repeat(65_536) }), key),
    "two parts": `${head}.${payload}`,
    "five parts, as encrypted ones have": `${head}.${payload}.${mac}.${mac}.${mac}`,
    "not base64": "a.b.c",
    "a JSON array": `${part([])}.${part([])}.${mac}`,
    empty: "",
    "a NUL": "\0"
  }
}

describe("verify", () => {
  it.effect("gives back who a token was issued for", () =>
    Effect.gen(function* () {
      const tokens = yield* AccessTokens
      const { token, expiresAtMs } = yield* tokens.issue(subject, 900)
      const principal = yield* tokens.verify(token)
      expect(principal).toEqual({
        userId: subject.userId,
        sessionId: subject.sessionId,
        roles: new Set(["driver"]),
        driverId: subject.driverId,
        issuedAtMs: 0,
        expiresAtMs: 900_000
      })
      expect(expiresAtMs).toBe(900_000)
    }).pipe(Effect.provide(live))
  )

  it.effect("accepts none of the forged tokens", () =>
    Effect.gen(function* () {
      const tokens = yield* AccessTokens
      const key = (yield* Secret).key("access-token")
      expect((yield* tokens.verify(hs(header(), claims(), key))).roles).toEqual(new Set(["admin"]))
      for (const [name, token] of Object.entries(forged(key))) {
        const error = yield* Effect.flip(tokens.verify(token)).pipe(
          Effect.catch(() => Effect.die(new Error(`accepted a forged token: ${name}`)))
        )
        expect(error._tag, name).toBe("TokenInvalid")
      }
    }).pipe(Effect.provide(live))
  )

  it.effect("accepts no token signed for another purpose or with another secret", () =>
    Effect.gen(function* () {
      const tokens = yield* AccessTokens
      const other = (yield* Secret).key("refresh-token")
      expect((yield* Effect.flip(tokens.verify(hs(header(), claims(), other))))._tag).toBe("TokenInvalid")
    }).pipe(Effect.provide(live))
  )

  it.effect("says expired, and when, once the clock skew is over as well", () =>
    Effect.gen(function* () {
      const tokens = yield* AccessTokens
      const { token } = yield* tokens.issue(subject, 900)
      yield* TestClock.setTime((900 + defaultLimits.clockSkewS - 1) * 1000)
      yield* tokens.verify(token)
      yield* TestClock.setTime((900 + defaultLimits.clockSkewS + 1) * 1000)
      expect(yield* Effect.flip(tokens.verify(token))).toMatchObject({ _tag: "TokenExpired", expiredAtMs: 900_000 })
    }).pipe(Effect.provide(live))
  )
})
