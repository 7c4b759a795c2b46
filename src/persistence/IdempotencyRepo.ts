import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

/** The answer that a key got; none yet while what it asked for is carried out. */
export interface KeptAnswer {
  readonly fingerprint: Uint8Array
  readonly intention_id: string | null
  readonly response_status: number | null
  readonly response_headers: Readonly<Record<string, string>>
  readonly response_body: Uint8Array | null
}

/** A key whose request is carried out, to be answered later. */
export interface OpenKey {
  readonly id: string
  readonly clientScope: string
  readonly key: string
  readonly fingerprint: Uint8Array
  /** What is carried out; undefined when there is nothing to. */
  readonly intentionId: string | undefined
  readonly expiresAt: Date
}

/** The answer to a request, byte for byte as it is sent. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** An answer to keep under a key. */
export interface NewAnswer extends Answer {
  readonly id: string
  readonly clientScope: string
  readonly key: string
  readonly fingerprint: Uint8Array
  readonly expiresAt: Date
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  /**
   * Takes a key for the transaction that runs; false when another one holds it. The lock ends with its transaction, however
   * that ends, so a node that dies leaves no key behind that nobody may use.
   */
  const hold = Effect.fn("IdempotencyRepo.hold")(function* (clientScope: string, key: string) {
    const rows = yield* sql<{ held: boolean }>`SELECT pg_try_advisory_xact_lock(
      hashtextextended(${`idempotency ${clientScope} ${key}`}::text, 0)) AS held`
    return rows[0]?.held === true
  })

  const find = Effect.fn("IdempotencyRepo.find")(function* (clientScope: string, key: string, now: Date) {
    const rows =
      yield* sql<KeptAnswer>`SELECT fingerprint, intention_id, response_status, response_headers, response_body
      FROM idempotency_keys WHERE client_scope = ${clientScope} AND external_ref = ${key} AND expires_at > ${now}`
    return rows[0]
  })

  const keep = Effect.fn("IdempotencyRepo.keep")(function* (answer: NewAnswer) {
    yield* sql`INSERT INTO idempotency_keys AS kept
        (id, client_scope, external_ref, fingerprint, response_status, response_headers, response_body, expires_at)
      VALUES (${answer.id}, ${answer.clientScope}, ${answer.key}, ${answer.fingerprint}, ${answer.status},
        ${JSON.stringify(answer.headers)}::text::jsonb, ${answer.body}, ${answer.expiresAt})
      ON CONFLICT (client_scope, external_ref) DO UPDATE
      SET id = excluded.id, fingerprint = excluded.fingerprint, response_status = excluded.response_status,
          response_headers = excluded.response_headers, response_body = excluded.response_body,
          intention_id = NULL, created_at = now(), expires_at = excluded.expires_at`
  })

  /** Keeps that a key's request has begun, in the transaction of what it intends. An expired answer makes room. */
  const open = Effect.fn("IdempotencyRepo.open")(function* (key: OpenKey) {
    yield* sql`INSERT INTO idempotency_keys (id, client_scope, external_ref, fingerprint, intention_id, expires_at)
      VALUES (${key.id}, ${key.clientScope}, ${key.key}, ${key.fingerprint}, ${key.intentionId ?? null}, ${key.expiresAt})
      ON CONFLICT (client_scope, external_ref) DO UPDATE
      SET id = excluded.id, fingerprint = excluded.fingerprint, intention_id = excluded.intention_id, response_status = NULL,
          response_headers = excluded.response_headers, response_body = NULL, created_at = now(), expires_at = excluded.expires_at`
  })

  return { hold, find, keep, open }
})

/** Keeps the answers of Idempotency-Keys, in the transaction of their effect. */
export class IdempotencyRepo extends Context.Service<IdempotencyRepo>()("dropmate/persistence/IdempotencyRepo", {
  make
}) {
  static readonly layer = Layer.effect(this, this.make)
}
