import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { theRow } from "../RowAbsent.ts"

/** What a file is uploaded for. */
export const filePurposes = ["proof", "attachment"] as const

/** One of them. */
export type FilePurpose = (typeof filePurposes)[number]

/** A file, stored or on its way. */
export interface FileRow {
  readonly id: string
  readonly key: string
  readonly mime: string
  readonly bytes: number
  readonly sha256: Uint8Array
  readonly name: string | null
  readonly purpose: FilePurpose
  readonly customer_id: string | null
  readonly uploaded_by: string | null
  readonly received_bytes: number
  /** The parts that are safe, in order. */
  readonly parts: ReadonlyArray<string>
  readonly created_at: Date
  readonly stored_at: Date | null
}

/** A file to upload. */
export interface NewFile {
  readonly id: string
  readonly bucket: string
  readonly key: string
  readonly mime: string
  readonly bytes: number
  readonly sha256: Uint8Array
  readonly name: string | undefined
  readonly purpose: FilePurpose
  readonly uploadedBy: string
}

/** Whoever asks for a file; bare UUIDs. */
export interface FileReader {
  readonly userId: string
  readonly driverId?: string | undefined
  readonly customerId?: string | undefined
}

/** Before when an upload must have gone on, or else is given up. */
export interface StandsStill {
  readonly attachmentsBefore: Date
  readonly proofsBefore: Date
}

/** A file whose bytes may go from the storage. */
export interface SpentFile {
  readonly id: string
  readonly key: string
}

const makeFileSweeping = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  /** Gives up uploads that have stood still. Answers how many. */
  const giveUp = Effect.fn("FileRepo.giveUp")(function* (
    { attachmentsBefore, proofsBefore }: StandsStill,
    limit: number
  ) {
    const rows = yield* sql`UPDATE files SET deleted_at = now()
      WHERE id IN (SELECT id FROM files WHERE deleted_at IS NULL AND stored_at IS NULL
          AND received_at < (CASE purpose WHEN 'proof' THEN ${proofsBefore}::timestamptz ELSE ${attachmentsBefore}::timestamptz END)
        ORDER BY id LIMIT ${limit} FOR UPDATE SKIP LOCKED)
      RETURNING id`
    return rows.length
  })

  /** Files that were deleted or given up before; their rows stay until `drop`, and those that a message still names come last. */
  const spent = (deletedBefore: Date, limit: number) =>
    sql<SpentFile>`SELECT id, key FROM files WHERE deleted_at < ${deletedBefore}
      ORDER BY EXISTS (SELECT FROM message_attachments WHERE file_id = files.id), deleted_at LIMIT ${limit}`

  /** Files that were stored before, whose parts the storage still has. */
  const partsLeft = Effect.fn("FileRepo.partsLeft")(function* (storedBefore: Date, limit: number) {
    const rows = yield* sql<{ readonly id: string }>`SELECT id FROM files
      WHERE stored_at < ${storedBefore} AND parts <> '{}' AND deleted_at IS NULL ORDER BY stored_at LIMIT ${limit}`
    return rows.map(({ id }) => id)
  })

  /** The storage has forgotten the parts of a stored file. */
  const partsGone = (id: string) =>
    Effect.asVoid(sql`UPDATE files SET parts = '{}' WHERE id = ${id} AND stored_at IS NOT NULL`)

  /** Forgets a file whose bytes are gone. */
  const drop = (id: string) =>
    Effect.asVoid(
      sql`DELETE FROM files WHERE id = ${id} AND deleted_at IS NOT NULL AND NOT EXISTS (SELECT FROM message_attachments WHERE file_id = ${id})`
    )

  return { giveUp, spent, drop, partsLeft, partsGone }
})

const makeFileKnowledge = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  /** Which of some files are whole uploads of a person. */
  const wholeUploads = Effect.fn("FileRepo.wholeUploads")(function* (userId: string, ids: ReadonlyArray<string>) {
    const rows = yield* sql<{
      readonly id: string
    }>`SELECT id FROM files WHERE uploaded_by = ${userId} AND stored_at IS NOT NULL
      AND deleted_at IS NULL AND id IN (SELECT jsonb_array_elements_text(${JSON.stringify(ids)}::text::jsonb)::uuid)`
    return new Set(rows.map(({ id }) => id))
  })

  /** Whether somebody has to do with a file: it is theirs, or it proves or accompanies what they may know of. */
  const isKnownTo = Effect.fn("FileRepo.isKnownTo")(function* (
    id: string,
    { userId, driverId, customerId }: FileReader
  ) {
    const rows = yield* sql<{ readonly known: boolean }>`SELECT (f.uploaded_by = ${userId}::uuid
        OR f.customer_id = ${customerId ?? null}::uuid
        OR EXISTS (SELECT FROM proofs p JOIN orders o ON o.id = p.order_id
          WHERE p.file_id = f.id AND (o.customer_id = ${customerId ?? null}::uuid OR p.driver_id = ${driverId ?? null}::uuid))
        OR EXISTS (SELECT FROM message_attachments a JOIN messages m ON m.id = a.message_id JOIN message_threads t ON t.id = m.thread_id
          WHERE a.file_id = f.id AND m.deleted_at IS NULL AND t.deleted_at IS NULL
            AND (t.customer_id = ${customerId ?? null}::uuid
              OR EXISTS (SELECT FROM shipments s JOIN driver_assignments d ON d.shipment_id = s.id
                WHERE t.context_type = 'order' AND s.order_id = t.context_id AND d.driver_id = ${driverId ?? null}::uuid
                  AND d.status IN ('accepted', 'en_route', 'arrived'))))) IS TRUE AS known
      FROM files f WHERE f.id = ${id} AND f.deleted_at IS NULL`
    return rows[0]?.known === true
  })

  return { wholeUploads, isKnownTo }
})

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = sql`f.id, f.key, f.mime, f.bytes::integer AS bytes, f.sha256, f.name, f.purpose, f.customer_id, f.uploaded_by,
    f.received_bytes::integer AS received_bytes, f.parts, f.created_at, f.stored_at`

  const get = Effect.fn("FileRepo.get")(function* (id: string) {
    const rows =
      yield* sql<FileRow>`SELECT ${columns} FROM files f WHERE f.id = ${id} AND f.deleted_at IS NULL AND f.sha256 IS NOT NULL`
    return yield* theRow("file", id, rows)
  })

  /**
   * Begins an upload, or finds the one of the same person with the same hash. One that is not finished takes the new mime and size, and
   * begins anew when the size differs. Answers whether it is new.
   */
  const begin = Effect.fn("FileRepo.begin")(function* (file: NewFile) {
    const rows = yield* sql<FileRow & { readonly is_new: boolean }>`INSERT INTO files AS f
        (id, bucket, key, mime, bytes, sha256, name, purpose, uploaded_by)
      VALUES (${file.id}, ${file.bucket}, ${file.key}, ${file.mime}, ${file.bytes}, ${file.sha256}, ${file.name ?? null}, ${file.purpose},
        ${file.uploadedBy})
      ON CONFLICT (uploaded_by, sha256) WHERE deleted_at IS NULL DO UPDATE
      SET mime = CASE WHEN f.stored_at IS NULL THEN excluded.mime ELSE f.mime END,
          received_bytes = CASE WHEN f.stored_at IS NULL AND f.bytes <> excluded.bytes THEN 0 ELSE f.received_bytes END,
          parts = CASE WHEN f.stored_at IS NULL AND f.bytes <> excluded.bytes THEN '{}' ELSE f.parts END,
          bytes = CASE WHEN f.stored_at IS NULL THEN excluded.bytes ELSE f.bytes END,
          received_at = now()
      RETURNING ${columns}, (xmax = 0) AS is_new`
    return yield* theRow("file", file.id, rows)
  })

  /** Takes the row of an unfinished upload for the transaction. */
  const lock = Effect.fn("FileRepo.lock")(function* (id: string) {
    const rows = yield* sql<FileRow>`SELECT ${columns} FROM files f
      WHERE f.id = ${id} AND f.deleted_at IS NULL AND f.sha256 IS NOT NULL FOR UPDATE`
    return yield* theRow("file", id, rows)
  })

  /** One more part of an upload is safe. The caller holds the row. */
  const addPart = Effect.fn("FileRepo.addPart")(function* (id: string, part: string, bytes: number) {
    const rows = yield* sql<FileRow>`UPDATE files AS f
      SET received_bytes = f.received_bytes + ${bytes}::bigint, parts = array_append(f.parts, ${part}::text), received_at = now()
      WHERE f.id = ${id} RETURNING ${columns}`
    return yield* theRow("file", id, rows)
  })

  /** Nothing of an upload counts any more. The caller holds the row. */
  const beginAnew = Effect.fn("FileRepo.beginAnew")(function* (id: string) {
    const rows = yield* sql<FileRow>`UPDATE files AS f SET received_bytes = 0, parts = '{}', received_at = now()
      WHERE f.id = ${id} RETURNING ${columns}`
    return yield* theRow("file", id, rows)
  })

  /** Marks a file as stored in a bucket; the caller holds the row. */
  const setStored = Effect.fn("FileRepo.setStored")(function* (id: string, bucket: string) {
    const rows = yield* sql<FileRow>`UPDATE files AS f SET stored_at = coalesce(f.stored_at, now()), bucket = ${bucket}
      WHERE f.id = ${id} RETURNING ${columns}`
    return yield* theRow("file", id, rows)
  })

  /** Whose personal data a file holds, unless that was known before. */
  const setCustomer = (id: string, customerId: string) =>
    Effect.asVoid(sql`UPDATE files SET customer_id = ${customerId} WHERE id = ${id} AND customer_id IS NULL`)

  return {
    get,
    begin,
    lock,
    addPart,
    beginAnew,
    setStored,
    setCustomer,
    ...(yield* makeFileKnowledge),
    ...(yield* makeFileSweeping)
  }
})

/** Keeps what is known of files; their bytes are in FileStorage. */
export class FileRepo extends Context.Service<FileRepo>()("dropmate/persistence/files/FileRepo", { make }) {
  static readonly layer = Layer.effect(this, this.make)
}
