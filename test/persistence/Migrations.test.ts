import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Redacted } from "effect"
import pg from "pg"
import { afterEach, beforeEach, describe, expect, inject, it } from "vitest"
import {
  MigrationListener,
  migrate,
  pendingMigrations,
  schemaFiles,
  schemaFolder
} from "../../src/persistence/Migrations.ts"
import { type FreshDatabase, freshDatabase } from "../kit/TestServices.ts"

let database: FreshDatabase
let url: Redacted.Redacted
let folder: string

beforeEach(async () => {
  database = await freshDatabase()
  url = Redacted.make(database.url)
  folder = await mkdtemp(join(tmpdir(), "dropmate-schema-"))
})

afterEach(async () => {
  await database.drop()
  await rm(folder, { recursive: true })
})

const write = (name: string, sql: string) => writeFile(join(folder, name), sql)

const query = async (text: string): Promise<ReadonlyArray<Record<string, unknown>>> => {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

const refusal = () => Effect.runPromise(Effect.flip(migrate(url, folder)))

describe("migrate", () => {
  it("applies each file once, in numeric and not in alphabetic order", async () => {
    await write("100_last.sql", "INSERT INTO seen VALUES (3)")
    await write("9_first.sql", "CREATE TABLE seen (n int); INSERT INTO seen VALUES (1)")
    await write("20_middle.sql", "INSERT INTO seen VALUES (2)")
    const first = await Effect.runPromise(migrate(url, folder))
    const again = await Effect.runPromise(migrate(url, folder))
    expect(first.applied.map((file) => file.name)).toEqual(["9_first.sql", "20_middle.sql", "100_last.sql"])
    expect(again).toEqual({ applied: [], alreadyApplied: 3 })
    expect(await query("SELECT n FROM seen")).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
  })

  it("is tested on the version of PostgreSQL that its project asks for", async () => {
    const [row] = await query("SELECT current_setting('server_version_num')::int / 10000 AS major")
    expect(row).toEqual({ major: inject("postgresMajor") })
  })

  it("applies the real schema, and leaves nothing pending", async () => {
    const before = await Effect.runPromise(pendingMigrations(url))
    await Effect.runPromise(migrate(url))
    expect(before).toEqual((await Effect.runPromise(schemaFiles(schemaFolder))).map((file) => file.name))
    expect(await Effect.runPromise(pendingMigrations(url))).toEqual([])
  })

  it("lets two nodes that start at once take turns", async () => {
    await write("10_slow.sql", "CREATE TABLE once (n int); SELECT pg_sleep(0.2)")
    const reports = await Promise.all([1, 2, 3].map(() => Effect.runPromise(migrate(url, folder))))
    expect(reports.map((report) => report.applied.length).sort()).toEqual([0, 0, 1])
  })
})

describe("a contradiction between files and record", () => {
  it("refuses a file that was edited after it was applied, and changes nothing", async () => {
    await write("10_a.sql", "CREATE TABLE a (n int)")
    await Effect.runPromise(migrate(url, folder))
    await write("10_a.sql", "CREATE TABLE a (n bigint)")
    await write("20_b.sql", "CREATE TABLE b (n int)")
    expect(await refusal()).toMatchObject({ _tag: "MigrationRefused", file: "10_a.sql", reason: "edited" })
    expect(await query("SELECT to_regclass('b') AS b")).toEqual([{ b: null }])
  })

  it("refuses when an applied file is missing", async () => {
    await write("10_a.sql", "CREATE TABLE a (n int)")
    await Effect.runPromise(migrate(url, folder))
    await rm(join(folder, "10_a.sql"))
    expect(await refusal()).toMatchObject({ _tag: "MigrationRefused", file: "10_a.sql", reason: "missing" })
  })

  it("refuses a new file whose number is below an applied one", async () => {
    await write("20_b.sql", "CREATE TABLE b (n int)")
    await Effect.runPromise(migrate(url, folder))
    await write("10_a.sql", "CREATE TABLE a (n int)")
    expect(await refusal()).toMatchObject({ _tag: "MigrationRefused", file: "10_a.sql", reason: "out_of_order" })
  })

  it("refuses a name without a number and a number that two files share", async () => {
    await write("10_a.sql", "SELECT 1")
    await write("010_b.sql", "SELECT 1")
    expect(await refusal()).toMatchObject({ reason: "same_number" })
    await write("later.sql", "SELECT 1")
    expect(await refusal()).toMatchObject({ reason: "misnamed", file: "later.sql" })
  })
})

describe("migrate, when something is wrong or special,", () => {
  it("keeps the files before a broken one and nothing of the broken one", async () => {
    await write("10_a.sql", "CREATE TABLE a (n int)")
    await write("20_b.sql", "CREATE TABLE b (n int); INSERT INTO nowhere VALUES (1)")
    expect(await refusal()).toMatchObject({ _tag: "MigrationFailed", file: "20_b.sql", sqlState: "42P01" })
    expect(await query("SELECT to_regclass('a')::text AS a, to_regclass('b')::text AS b")).toEqual([
      { a: "a", b: null }
    ])
    expect(await query("SELECT name FROM schema_migrations")).toEqual([{ name: "10_a.sql" }])
  })

  it("tells of each file as it begins and as it ends", async () => {
    await write("10_a.sql", "SELECT 1")
    const heard: Array<string> = []
    await Effect.runPromise(
      Effect.provideService(migrate(url, folder), MigrationListener, (progress) => {
        heard.push(
          `${progress.name} ${progress.position}/${progress.of} ${progress.durationMs === undefined ? "begins" : "ends"}`
        )
      })
    )
    expect(heard).toEqual(["10_a.sql 1/1 begins", "10_a.sql 1/1 ends"])
  })

  it("names the address and never the password of a database that cannot be reached", async () => {
    const nobody = Redacted.make("postgres://someone:hunter2@127.0.0.1:1/none")
    const error = await Effect.runPromise(Effect.flip(migrate(nobody, folder)))
    expect(error).toMatchObject({ _tag: "DatabaseUnreachable", address: "127.0.0.1:1/none" })
    expect(JSON.stringify(error) + error.message).not.toContain("hunter2")
  })

  it("works for an owner who is no superuser and may only create roles and databases", async () => {
    const [{ name } = { name: "" }] = await query("SELECT current_database() AS name")
    const role = `owner_${String(name)}`
    const other = await freshDatabase()
    await Effect.runPromise(migrate(Redacted.make(other.url)))
    await other.drop()
    await query(`CREATE ROLE ${role} LOGIN CREATEROLE PASSWORD 'pw'`)
    try {
      // As PostgreSQL 16 leaves whoever created the roles: administering them, and not allowed to SET them.
      const roles = "dropmate_app, dropmate_writer, dropmate_jobs, dropmate_cluster"
      await query(`GRANT ${roles} TO ${role} WITH ADMIN OPTION, SET FALSE`)
      await query(`ALTER DATABASE ${String(name)} OWNER TO ${role}`)
      await query(`ALTER SCHEMA public OWNER TO ${role}`)
      const own = new URL(database.url)
      own.username = role
      own.password = "pw"
      const report = await Effect.runPromise(migrate(Redacted.make(own.href)))
      expect(report.applied.length).toBeGreaterThan(4)
      const client = new pg.Client({ connectionString: own.href, options: "-c role=dropmate_app" })
      await client.connect()
      expect((await client.query("SELECT current_user AS me")).rows).toEqual([{ me: "dropmate_app" }])
      await client.end()
    } finally {
      await query(`REASSIGN OWNED BY ${role} TO CURRENT_USER; DROP OWNED BY ${role}; DROP ROLE ${role}`)
    }
  })
})
