import { createHash } from "node:crypto"
import { readdir, readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { Clock, Context, Effect, type Redacted, Schema } from "effect"
import type pg from "pg"
import { Limits } from "../config/Limits.ts"
import { DatabaseUnreachable, databaseAddress, databaseMessage, pgConnection, sqlState } from "./PgConnection.ts"

/** The files and the record of what was applied contradict each other; nothing was changed. Retry: never. */
export class MigrationRefused extends Schema.TaggedError<MigrationRefused>()("MigrationRefused", {
  file: Schema.String,
  reason: Schema.Literals(["edited", "missing", "out_of_order", "misnamed", "same_number"]),
  message: Schema.String
}) {}

/** PostgreSQL refused a file. That file left nothing behind, those before it stay applied. */
export class MigrationFailed extends Schema.TaggedError<MigrationFailed>()("MigrationFailed", {
  file: Schema.String,
  sqlState: Schema.optionalKey(Schema.String),
  message: Schema.String
}) {}

/** Another node has been migrating this database for longer than `migrationLockMs`. Retry: later. */
export class MigrationUnderWay extends Schema.TaggedError<MigrationUnderWay>()("MigrationUnderWay", {
  address: Schema.String,
  waitedMs: Schema.Int
}) {
  override get message(): string {
    return `another node is still migrating ${this.address} after ${this.waitedMs} ms`
  }
}

/** The folder of the numbered files could not be read. */
export class SchemaFolderUnreadable extends Schema.TaggedError<SchemaFolderUnreadable>()("SchemaFolderUnreadable", {
  folder: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `the schema files in ${this.folder} cannot be read: ${this.reason}`
  }
}

/** Why a migration did not happen. */
export type MigrationError =
  | MigrationRefused
  | MigrationFailed
  | MigrationUnderWay
  | SchemaFolderUnreadable
  | DatabaseUnreachable

/** One numbered file of `db/schema`. */
export interface SchemaFile {
  readonly name: string
  readonly number: number
  readonly checksum: string
  readonly sql: string
}

/** What a run of `migrate` did. */
export interface MigrationReport {
  readonly applied: ReadonlyArray<{ readonly name: string; readonly durationMs: number }>
  readonly alreadyApplied: number
}

/** Hears of each file as it begins and ends; `durationMs` is absent at the beginning. */
export interface MigrationProgress {
  readonly name: string
  readonly position: number
  readonly of: number
  readonly durationMs?: number
}

/** Where progress goes; nowhere by default. */
export const MigrationListener = Context.Reference<(progress: MigrationProgress) => void>(
  "dropmate/persistence/MigrationListener",
  { defaultValue: () => () => {} }
)

/** `db/schema` of this checkout. */
export const schemaFolder: string = fileURLToPath(new URL("../../db/schema/", import.meta.url))

const fileName = /^(\d+)_[a-z0-9_]+\.sql$/

/** The files of a folder in numeric order. */
export const schemaFiles = Effect.fnUntraced(function* (folder: string) {
  const unreadable = (error: unknown) => new SchemaFolderUnreadable({ folder, reason: databaseMessage(error) })
  const names = yield* Effect.tryPromise({ try: () => readdir(folder), catch: unreadable })
  const files: Array<SchemaFile> = []
  for (const name of names.filter((each) => each.endsWith(".sql"))) {
    const number = fileName.exec(name)?.[1]
    if (number === undefined) {
      return yield* new MigrationRefused({
        file: name,
        reason: "misnamed",
        message: `${name}: a schema file is named NN_lower_case.sql`
      })
    }
    const sql = yield* Effect.tryPromise({ try: () => readFile(`${folder}/${name}`, "utf8"), catch: unreadable })
    files.push({ name, number: Number(number), checksum: createHash("sha256").update(sql).digest("hex"), sql })
  }
  files.sort((a, b) => a.number - b.number)
  const twin = files.find((file, index) => files[index - 1]?.number === file.number)
  if (twin !== undefined) {
    return yield* new MigrationRefused({
      file: twin.name,
      reason: "same_number",
      message: `${twin.name}: another file has the number ${twin.number}`
    })
  }
  return files
})

interface AppliedFile {
  readonly name: string
  readonly checksum: string
}

/** What is still to apply, or the first contradiction between the files and the record. */
export const planMigration = (
  files: ReadonlyArray<SchemaFile>,
  applied: ReadonlyArray<AppliedFile>
): ReadonlyArray<SchemaFile> | MigrationRefused => {
  const byName = new Map(files.map((file) => [file.name, file]))
  for (const { name, checksum } of applied) {
    const file = byName.get(name)
    if (file === undefined) {
      return new MigrationRefused({
        file: name,
        reason: "missing",
        message: `${name} was applied to this database and is not among the schema files`
      })
    }
    if (file.checksum !== checksum) {
      return new MigrationRefused({
        file: name,
        reason: "edited",
        message: `${name} was edited after it was applied; put the change into a new file`
      })
    }
  }
  const done = new Set(applied.map((each) => each.name))
  const newestDone = files.findLast((file) => done.has(file.name))
  const pending = files.filter((file) => !done.has(file.name))
  const late = pending.find((file) => newestDone !== undefined && file.number < newestDone.number)
  if (late !== undefined && newestDone !== undefined) {
    return new MigrationRefused({
      file: late.name,
      reason: "out_of_order",
      message: `${late.name} comes before ${newestDone.name}, which is applied already; give it a higher number`
    })
  }
  return pending
}

const query = (client: pg.Client, url: Redacted.Redacted, text: string, values: ReadonlyArray<unknown> = []) =>
  Effect.tryPromise({
    try: () => client.query(text, [...values]),
    catch: (error) => new DatabaseUnreachable({ address: databaseAddress(url), reason: databaseMessage(error) })
  })

const appliedFiles = Effect.fnUntraced(function* (client: pg.Client, url: Redacted.Redacted) {
  const exists = yield* query(client, url, "SELECT to_regclass('public.schema_migrations') IS NOT NULL AS made")
  if (exists.rows[0]?.made !== true) return []
  const rows = yield* query(client, url, "SELECT name, checksum FROM schema_migrations ORDER BY name")
  return rows.rows as ReadonlyArray<AppliedFile>
})

const makeRecord = `CREATE TABLE IF NOT EXISTS schema_migrations (
  name        text PRIMARY KEY,
  checksum    text NOT NULL CHECK (checksum ~ '^[0-9a-f]{64}$'),
  applied_at  timestamptz NOT NULL DEFAULT now(),
  duration_ms integer NOT NULL
)`

// The file and its record commit together: a node that dies here leaves either both or neither.
const applyFile = Effect.fnUntraced(function* (client: pg.Client, file: SchemaFile) {
  const startMs = yield* Clock.currentTimeMillis
  const run = async (): Promise<void> => {
    await client.query("BEGIN")
    await client.query(file.sql)
    await client.query(
      "INSERT INTO schema_migrations (name, checksum, duration_ms) VALUES ($1, $2, (extract(epoch FROM clock_timestamp() - now()) * 1000)::integer)",
      [file.name, file.checksum]
    )
    await client.query("COMMIT")
  }
  yield* Effect.tryPromise({
    try: run,
    catch: (error) => {
      const state = sqlState(error)
      return new MigrationFailed({
        file: file.name,
        ...(state === undefined ? {} : { sqlState: state }),
        message: `${file.name}: ${databaseMessage(error)}`
      })
    }
  }).pipe(Effect.tapError(() => Effect.ignore(Effect.tryPromise(() => client.query("ROLLBACK")))))
  return (yield* Clock.currentTimeMillis) - startMs
})

// A lock of the session and not of a transaction, since each file has its own transaction. It ends with the connection.
const takeLock = Effect.fnUntraced(function* (client: pg.Client, url: Redacted.Redacted) {
  const limits = yield* Limits
  yield* query(client, url, `SET lock_timeout = ${limits.migrationLockMs}`)
  yield* Effect.tryPromise({
    try: () => client.query("SELECT pg_advisory_lock(hashtext('dropmate'), hashtext('schema_migrations'))"),
    catch: (error) =>
      sqlState(error) === "55P03"
        ? new MigrationUnderWay({ address: databaseAddress(url), waitedMs: limits.migrationLockMs })
        : new DatabaseUnreachable({ address: databaseAddress(url), reason: databaseMessage(error) })
  })
  yield* query(client, url, "SET lock_timeout = 0")
})

/**
 * Brings a database to the newest schema: each file once, in numeric order, each in one transaction with its record. Two
 * nodes that start at once take turns. Runs as the owner of the schema.
 */
export const migrate = Effect.fn("Migrations.migrate")(function* (
  url: Redacted.Redacted,
  folder: string = schemaFolder
): Effect.fn.Return<MigrationReport, MigrationError> {
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const files = yield* schemaFiles(folder)
      const client = yield* pgConnection(url, "dropmate-migrate")
      yield* takeLock(client, url)
      const before = yield* appliedFiles(client, url)
      const pending = planMigration(files, before)
      if (pending instanceof MigrationRefused) return yield* pending
      if (before.length === 0) yield* query(client, url, makeRecord)
      const tell = yield* MigrationListener
      const applied: Array<{ readonly name: string; readonly durationMs: number }> = []
      for (const [index, file] of pending.entries()) {
        const at = { name: file.name, position: index + 1, of: pending.length }
        tell(at)
        const durationMs = yield* applyFile(client, file)
        applied.push({ name: file.name, durationMs })
        tell({ ...at, durationMs })
      }
      return { applied, alreadyApplied: before.length }
    })
  )
})

/** Names of the files that `migrate` would apply now. Fails as `migrate` would refuse. */
export const pendingMigrations = Effect.fn("Migrations.pending")(function* (
  url: Redacted.Redacted,
  folder: string = schemaFolder
): Effect.fn.Return<ReadonlyArray<string>, MigrationRefused | SchemaFolderUnreadable | DatabaseUnreachable> {
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const files = yield* schemaFiles(folder)
      const client = yield* pgConnection(url, "dropmate-doctor")
      const pending = planMigration(files, yield* appliedFiles(client, url))
      if (pending instanceof MigrationRefused) return yield* pending
      return pending.map((file) => file.name)
    })
  )
})
