import { Clock, Effect, Schema } from "effect"
import { Limits } from "../config/Limits.ts"
import { type Answer, IdempotencyRepo } from "../persistence/IdempotencyRepo.ts"
import { newId } from "../persistence/NewId.ts"

/** A request with an Idempotency-Key: whose, and what it says. */
export const RequestKey = Schema.Struct({
  clientScope: Schema.String,
  key: Schema.String,
  /** SHA-256 of method, path and body. */
  fingerprint: Schema.Uint8Array
})

/** One of them. */
export type RequestKey = typeof RequestKey.Type

/** The answer to a request, now or since it was first decided. */
export interface KeyedAnswer {
  readonly answer: Answer
  /** Decided before: nothing was changed now. */
  readonly isReplayed: boolean
}

/** Another request holds the key. Retry: in a moment, with the same key. */
export class KeyInFlight extends Schema.TaggedError<KeyInFlight>()("KeyInFlight", { key: Schema.String }) {}

/** The key was used for another request. Retry: never with this key. */
export class KeyReused extends Schema.TaggedError<KeyReused>()("KeyReused", { key: Schema.String }) {}

/**
 * Keeps the answer of a request under its key in the caller's transaction, beside the effect itself, so that whatever dies on the way
 * leaves both or neither. A repetition gets the kept answer and its change does not run. Without a key the change simply runs.
 */
export const makeKeyedAnswers = Effect.gen(function* () {
  const limits = yield* Limits
  const repo = yield* IdempotencyRepo

  return Effect.fnUntraced(function* <E, R>(key: RequestKey | undefined, change: Effect.Effect<Answer, E, R>) {
    if (key === undefined) return { answer: yield* change, isReplayed: false } satisfies KeyedAnswer
    const { clientScope, key: name, fingerprint } = key
    if (!(yield* repo.hold(clientScope, name))) return yield* new KeyInFlight({ key: name })
    const nowMs = yield* Clock.currentTimeMillis
    const kept = yield* repo.find(clientScope, name, new Date(nowMs))
    if (kept !== undefined) {
      if (!Buffer.from(kept.fingerprint).equals(fingerprint)) return yield* new KeyReused({ key: name })
      const { response_status: status, response_headers: headers, response_body: body } = kept
      return { answer: { status, headers, body }, isReplayed: true } satisfies KeyedAnswer
    }
    const answer = yield* change
    const expiresAt = new Date(nowMs + limits.idempotencyKeyTtlMs)
    yield* repo.keep({ id: yield* newId, clientScope, key: name, fingerprint, ...answer, expiresAt })
    return { answer, isReplayed: false } satisfies KeyedAnswer
  })
})
