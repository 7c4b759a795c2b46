import { Clock, Effect } from "effect"
import { Limits } from "../../config/Limits.ts"
import { IdempotencyRepo } from "../../persistence/IdempotencyRepo.ts"
import { newId } from "../../persistence/NewId.ts"
import { answerOf, makeKeyHolding, type RequestKey } from "../shipments/KeyedAnswers.ts"

/** What was kept to be carried out: an operation's id, and the claim on it of whoever keeps it. */
export interface Intention {
  /** Undefined: there is nothing to carry out. */
  readonly operationId: string | undefined
  /** Undefined for whoever finds the intention later. */
  readonly claim: number | undefined
}

/**
 * Keeps a key with what its request intends, in the caller's transaction. Answers the kept answer when there is one, and the kept intention
 * when it was begun before (ADR 0101). Without a key it is simply begun.
 */
export const makeKeyedIntentions = Effect.gen(function* () {
  const limits = yield* Limits
  const repo = yield* IdempotencyRepo
  const held = yield* makeKeyHolding

  return Effect.fnUntraced(function* <E, R>(key: RequestKey | undefined, intend: Effect.Effect<Intention, E, R>) {
    if (key === undefined) return { answer: undefined, intention: yield* intend }
    const kept = yield* held(key)
    const found: Intention = { operationId: kept?.intention_id ?? undefined, claim: undefined }
    if (kept !== undefined) return { answer: answerOf(kept), intention: found }
    const intention = yield* intend
    const expiresAt = new Date((yield* Clock.currentTimeMillis) + limits.idempotencyKeyTtlMs)
    yield* repo.open({ id: yield* newId, ...key, intentionId: intention.operationId, expiresAt })
    return { answer: undefined, intention }
  })
})
