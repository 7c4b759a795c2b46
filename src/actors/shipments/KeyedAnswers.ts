import { Clock, Effect, Schema } from "effect"
import { Limits } from "../../config/Limits.ts"
import { type Answer, IdempotencyRepo, type KeptAnswer } from "../../persistence/IdempotencyRepo.ts"
import { newId } from "../../persistence/NewId.ts"

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

/** What is kept under a key as an answer to send again; undefined while there is none. */
export const answerOf = (kept: KeptAnswer | undefined): Answer | undefined =>
  kept === undefined || kept.response_status === null || kept.response_body === null
    ? undefined
    : { status: kept.response_status, headers: kept.response_headers, body: kept.response_body }

/**
 * Finds what is kept under a request's key, which is the caller's for the transaction when nothing is; KeyInFlight when somebody else has it
 * at this moment. An answer that is kept needs no key: repetitions do not stand in each other's way.
 */
export const makeKeyHolding = Effect.gen(function* () {
  const repo = yield* IdempotencyRepo
  return Effect.fnUntraced(function* ({ clientScope, key, fingerprint }: RequestKey) {
    const isHeld = yield* repo.hold(clientScope, key)
    const kept = yield* repo.find(clientScope, key, new Date(yield* Clock.currentTimeMillis))
    if (kept !== undefined && !Buffer.from(kept.fingerprint).equals(fingerprint)) return yield* new KeyReused({ key })
    return isHeld || answerOf(kept) !== undefined ? kept : yield* new KeyInFlight({ key })
  })
})

/**
 * Keeps the answer of a request under its key in the caller's transaction, beside the effect itself, so that whatever dies on the way
 * leaves both or neither. A repetition gets the kept answer and its change does not run. Without a key the change simply runs.
 */
export const makeKeyedAnswers = Effect.gen(function* () {
  const limits = yield* Limits
  const repo = yield* IdempotencyRepo

  const held = yield* makeKeyHolding

  return Effect.fnUntraced(function* <E, R>(key: RequestKey | undefined, change: Effect.Effect<Answer, E, R>) {
    if (key === undefined) return { answer: yield* change, isReplayed: false } satisfies KeyedAnswer
    const kept = answerOf(yield* held(key))
    if (kept !== undefined) return { answer: kept, isReplayed: true } satisfies KeyedAnswer
    const answer = yield* change
    const expiresAt = new Date((yield* Clock.currentTimeMillis) + limits.idempotencyKeyTtlMs)
    yield* repo.keep({ id: yield* newId, ...key, ...answer, expiresAt })
    return { answer, isReplayed: false } satisfies KeyedAnswer
  })
})
