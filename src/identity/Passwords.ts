import { hash, verify } from "@node-rs/argon2"
import { Context, Effect, Layer, Redacted, Semaphore } from "effect"
import { Limits } from "../config/Limits.ts"

/**
 * Passwords as argon2id strings (RFC 9106). At most `passwordHashesAtOnceMax` are computed at a time, since each takes its
 * memory and a thread; the others wait.
 */
export class Passwords extends Context.Service<
  Passwords,
  {
    readonly hash: (password: Redacted.Redacted) => Effect.Effect<string>
    /**
     * Whether the password is that of the hash. With `undefined` (nobody of that name, or nobody with a password) it works as
     * long and answers false, so that the time of a refusal does not tell who has an account.
     */
    readonly verify: (hash: string | undefined, password: Redacted.Redacted) => Effect.Effect<boolean>
  }
>()("dropmate/identity/Passwords") {
  static readonly layer = Layer.effect(
    Passwords,
    Effect.gen(function* () {
      const limits = yield* Limits
      const turns = yield* Semaphore.make(limits.passwordHashesAtOnceMax)
      const options = {
        // `Algorithm.Argon2id`, which an ambient const enum hides from type stripping.
        algorithm: 2,
        memoryCost: limits.argon2MemoryKiB,
        timeCost: limits.argon2Passes,
        parallelism: 1
      }
      const hashOf = (password: Redacted.Redacted) =>
        Effect.promise(() => hash(Redacted.value(password), options)).pipe(turns.withPermits(1))
      const nobodys = yield* hashOf(Redacted.make("the password of nobody"))
      return Passwords.of({
        hash: hashOf,
        verify: (stored, password) =>
          Effect.promise(() => verify(stored ?? nobodys, Redacted.value(password))).pipe(
            turns.withPermits(1),
            Effect.map((matches) => matches && stored !== undefined)
          )
      })
    })
  )
}
