import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { ProofType } from "../../domain/TaskPayload.ts"
import { makeProofTerms } from "./ProofTerms.ts"

/** A proof to keep. */
export interface NewProof {
  readonly id: string
  readonly orderId: string
  readonly shipmentId: string
  readonly assignmentId: string
  readonly driverId: string
  readonly position: number
  readonly type: ProofType
  readonly value: string | undefined
  readonly sha256: Uint8Array | undefined
  readonly fileId: string | undefined
  readonly capturedAt: Date
  readonly isAdded: boolean
}

/** A proof as it is kept. */
export interface ProofRow {
  readonly id: string
  readonly order_id: string
  readonly shipment_id: string
  readonly assignment_id: string
  readonly driver_id: string | null
  readonly type: ProofType
  readonly value: string | null
  readonly sha256: Uint8Array | null
  readonly file_id: string | null
  readonly captured_at: Date
  readonly created_at: Date
  readonly added_at: Date | null
}

/** Which proofs to list; the newest first. */
export interface ProofFilter {
  readonly isAdded: boolean | undefined
  /** Only those that came before. */
  readonly createdBefore: Date | undefined
  readonly beforeId: string | undefined
  readonly limit: number
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = sql`p.id, p.order_id, p.shipment_id, p.assignment_id, p.driver_id, p.type, p.value, p.sha256, p.file_id, p.captured_at,
    p.created_at, p.added_at`

  /**
   * Takes hashes for the transaction, so that a delivery and the upload that proves it cannot pass each other unseen. Whoever also
   * takes an order's row takes the hashes first.
   */
  const holdHashes = Effect.fn("ProofRepo.holdHashes")(function* (hashes: ReadonlyArray<string>) {
    const sorted = [...new Set(hashes)].sort()
    yield* Effect.forEach(
      sorted,
      (hash) => sql`SELECT pg_advisory_xact_lock(hashtextextended(${`proof ${hash}`}::text, 0))`,
      { discard: true }
    )
  })

  /** A driver's own uploads among some hashes (hexadecimal) and ids, also unfinished ones. */
  const uploadsOf = Effect.fn("ProofRepo.uploadsOf")(function* (
    driverId: string,
    hashes: ReadonlyArray<string>,
    ids: ReadonlyArray<string>
  ) {
    return yield* sql<{ readonly id: string; readonly hash: string; readonly is_stored: boolean }>`SELECT f.id,
        encode(f.sha256, 'hex') AS hash, f.stored_at IS NOT NULL AS is_stored
      FROM files f JOIN drivers d ON d.user_id = f.uploaded_by
      WHERE d.id = ${driverId} AND f.deleted_at IS NULL
        AND (encode(f.sha256, 'hex') IN (SELECT jsonb_array_elements_text(${JSON.stringify(hashes)}::text::jsonb))
          OR f.id::text IN (SELECT jsonb_array_elements_text(${JSON.stringify(ids)}::text::jsonb)))`
  })

  const insert = (proof: NewProof) =>
    Effect.asVoid(sql`INSERT INTO proofs (id, order_id, shipment_id, assignment_id, driver_id, position, type, value, sha256, file_id,
        captured_at, added_at)
      VALUES (${proof.id}, ${proof.orderId}, ${proof.shipmentId}, ${proof.assignmentId}, ${proof.driverId}, ${proof.position}, ${proof.type},
        ${proof.value ?? null}, ${proof.sha256 ?? null}, ${proof.fileId ?? null}, ${proof.capturedAt},
        CASE WHEN ${proof.isAdded}::boolean THEN now() END)`)

  /** Proofs that wait for a file with this hash from this person, in the order in which their orders' rows may be taken. */
  const pendingOf = Effect.fn("ProofRepo.pendingOf")(function* (sha256: Uint8Array, userId: string) {
    return yield* sql<ProofRow>`SELECT ${columns} FROM proofs p JOIN drivers d ON d.id = p.driver_id
      WHERE p.added_at IS NULL AND p.sha256 = ${sha256} AND d.user_id = ${userId} ORDER BY p.order_id, p.id`
  })

  const add = (id: string, fileId: string) =>
    Effect.asVoid(sql`UPDATE proofs SET file_id = ${fileId}, added_at = now() WHERE id = ${id}`)

  const ofShipment = Effect.fn("ProofRepo.ofShipment")(function* (shipmentId: string) {
    return yield* sql<ProofRow>`SELECT ${columns} FROM proofs p WHERE p.shipment_id = ${shipmentId} ORDER BY p.created_at, p.position`
  })

  const list = Effect.fn("ProofRepo.list")(function* (filter: ProofFilter) {
    return yield* sql<ProofRow>`SELECT ${columns} FROM proofs p
      WHERE (${filter.isAdded ?? null}::boolean IS NULL OR (p.added_at IS NOT NULL) = ${filter.isAdded ?? null}::boolean)
        AND (${filter.createdBefore ?? null}::timestamptz IS NULL OR p.created_at < ${filter.createdBefore ?? null}::timestamptz)
        AND (${filter.beforeId ?? null}::uuid IS NULL OR p.id < ${filter.beforeId ?? null}::uuid)
      ORDER BY p.id DESC LIMIT ${filter.limit}`
  })

  const countPending = Effect.fn("ProofRepo.countPending")(function* (createdBefore: Date) {
    const rows = yield* sql<{ readonly pending: number; readonly missing: number }>`SELECT count(*)::integer AS pending,
        count(*) FILTER (WHERE created_at < ${createdBefore}::timestamptz)::integer AS missing
      FROM proofs WHERE added_at IS NULL`
    return rows[0] ?? { pending: 0, missing: 0 }
  })

  return {
    holdHashes,
    uploadsOf,
    insert,
    pendingOf,
    add,
    ofShipment,
    list,
    countPending,
    ...(yield* makeProofTerms)
  }
})

/** Keeps how deliveries were proved. */
export class ProofRepo extends Context.Service<ProofRepo>()("dropmate/persistence/shipments/ProofRepo", { make }) {
  static readonly layer = Layer.effect(this, this.make)
}
