import { createHash } from "node:crypto"
import { Context, Effect, Layer, Schema } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { SqlError } from "effect/sql"
import { type Intention, makeKeyedIntentions } from "../actors/payments/KeyedIntentions.ts"
import {
  type KeyedAnswer,
  type KeyInFlight,
  type KeyReused,
  makeKeyedAnswers,
  type RequestKey
} from "../actors/shipments/KeyedAnswers.ts"
import { Limits } from "../config/Limits.ts"
import type { Answer } from "../persistence/IdempotencyRepo.ts"
import { CurrentPrincipal } from "./Authenticated.ts"
import { PrincipalScope } from "./PrincipalScope.ts"
import { Problem } from "./Problem.ts"
import { CurrentRequest } from "./RequestFacts.ts"

/** How an effect's result becomes an answer: the schema of its body, its status, and headers that depend on it. */
export interface AnswerShape<A, I> {
  readonly status: number
  readonly success: Schema.Codec<A, I>
  readonly headers?: (result: A) => Readonly<Record<string, string>>
  /** What is added to the kept JSON each time it is sent: secrets, which are derived again and kept nowhere. */
  readonly complete?: (kept: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>
}

/**
 * A change that waits for somebody outside. `intend` and `answer` run in transactions of the principal's, `carryOut` between them in none.
 * `carryOut` may be called again for the same intention, after a crash or by somebody else, and must then do nothing twice.
 */
export interface Stages<A, E1, R1, E2, R2, E3, R3> {
  readonly intend: Effect.Effect<Intention, E1, R1>
  readonly carryOut: (intention: Intention) => Effect.Effect<void, E2, R2>
  readonly answer: (operationId: string | undefined) => Effect.Effect<A, E3, R3>
}

/**
 * Runs a change once for each Idempotency-Key of a principal. The change, and the bytes of its answer, are kept in one
 * transaction in the principal's row scope: whatever dies on the way leaves both or neither. A repetition with the same body gets the same
 * status and bytes with `Idempotent-Replayed: true`, another body 422, a repetition while the first one runs 409. A refused change leaves
 * nothing behind, so it may be sent again under its key. Without a key it simply runs.
 */
export class Idempotency extends Context.Service<
  Idempotency,
  {
    readonly once: <A, I, E, R>(
      shape: AnswerShape<A, I>,
      change: Effect.Effect<A, E, R>
    ) => Effect.Effect<
      HttpServerResponse.HttpServerResponse,
      E | Problem | KeyInFlight | KeyReused | SqlError.SqlError,
      R | CurrentPrincipal | HttpServerRequest.HttpServerRequest
    >
    /** The same for what an actor decides: it gets the key, and keeps the answer in the transaction of its effect. */
    readonly asked: <E, R>(
      ask: (key: RequestKey | undefined) => Effect.Effect<KeyedAnswer, E, R>
    ) => Effect.Effect<
      HttpServerResponse.HttpServerResponse,
      E | Problem,
      R | CurrentPrincipal | HttpServerRequest.HttpServerRequest
    >
    /**
     * The same for a change in stages (ADR 0101): the key is kept with the intention, the answer with the key afterwards. A repetition while
     * it is carried out runs 409; after a crash it carries on what was intended.
     */
    readonly inStages: <A, I, E1, R1, E2, R2, E3, R3>(
      shape: AnswerShape<A, I>,
      stages: Stages<A, E1, R1, E2, R2, E3, R3>
    ) => Effect.Effect<
      HttpServerResponse.HttpServerResponse,
      E1 | E2 | E3 | Problem | KeyInFlight | KeyReused | SqlError.SqlError,
      R1 | R2 | R3 | CurrentPrincipal | HttpServerRequest.HttpServerRequest
    >
  }
>()("dropmate/http/Idempotency") {
  static readonly layer = Layer.effect(
    Idempotency,
    Effect.gen(function* () {
      const limits = yield* Limits
      const scope = yield* PrincipalScope
      const keyed = yield* makeKeyedAnswers
      const begun = yield* makeKeyedIntentions

      const requestKey = Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const key = yield* keyOf(request.headers["idempotency-key"], limits.idempotencyKeyBytesMax)
        if (key === undefined) return undefined
        const clientScope = `user:${(yield* CurrentPrincipal).userId}`
        return { clientScope, key, fingerprint: yield* fingerprintOf(request) } satisfies RequestKey
      })

      return Idempotency.of({
        once: Effect.fnUntraced(function* (shape, change) {
          const encoded = Effect.flatMap(change, (result) => encodeAnswer(shape, result))
          return respond(yield* scope.run(keyed(yield* requestKey, encoded)), shape.complete)
        }),
        asked: Effect.fnUntraced(function* (ask) {
          return respond(yield* ask(yield* requestKey))
        }),
        inStages: Effect.fnUntraced(function* (shape, stages) {
          const key = yield* requestKey
          const { answer, intention } = yield* scope.run(begun(key, stages.intend))
          if (answer !== undefined) return respond({ answer, isReplayed: true }, shape.complete)
          yield* stages.carryOut(intention)
          const encoded = Effect.flatMap(stages.answer(intention.operationId), (result) => encodeAnswer(shape, result))
          // Whoever else carried it out may have answered already: then that is the answer.
          return respond(yield* scope.run(keyed(key, encoded)), shape.complete)
        })
      })
    })
  )
}

/** The answer that a result of a shape is. */
export const encodeAnswer = <A, I>(shape: AnswerShape<A, I>, result: A): Effect.Effect<Answer> =>
  Effect.map(Effect.orDie(Schema.encodeEffect(Schema.toCodecJson(shape.success))(result)), (json) => ({
    status: shape.status,
    headers: shape.headers?.(result) ?? {},
    body: new TextEncoder().encode(JSON.stringify(json))
  }))

type Complete = AnswerShape<never, never>["complete"]

const completed = (body: Uint8Array, complete: Complete | undefined): Uint8Array =>
  complete === undefined
    ? body
    : new TextEncoder().encode(JSON.stringify(complete(JSON.parse(new TextDecoder().decode(body)))))

const respond = ({ answer, isReplayed }: KeyedAnswer, complete?: Complete): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.uint8Array(completed(answer.body, complete), {
    status: answer.status,
    contentType: "application/json",
    headers: isReplayed ? { ...answer.headers, "idempotent-replayed": "true" } : answer.headers
  })

const keyOf = (header: string | undefined, bytesMax: number): Effect.Effect<string | undefined, Problem> => {
  if (header === undefined) return Effect.succeed(undefined)
  const key = header.trim()
  return key.length >= 1 && key.length <= bytesMax && /^[\x21-\x7e]+$/.test(key)
    ? Effect.succeed(key)
    : Effect.fail(
        new Problem({
          code: "invalid_idempotency_key",
          detail: `1 to ${bytesMax} printable ASCII characters without spaces`
        })
      )
}

// The order of members means nothing in JSON, and some clients do not keep it between two attempts.
const canonical = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`
}

/** SHA-256 of method, path and body. The body has been decoded before, so it is JSON. */
const fingerprintOf = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<Uint8Array> =>
  Effect.map(Effect.all([Effect.orDie(request.text), CurrentRequest]), ([text, { path }]) => {
    const body = text === "" ? "" : canonical(JSON.parse(text))
    return new Uint8Array(createHash("sha256").update(`${request.method}\n${path}\n${body}`).digest())
  })
