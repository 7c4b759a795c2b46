import { rmSync } from "node:fs"
import { appendFile, cp, mkdtemp } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Redacted } from "effect"
import pg from "pg"
import { expect, inject, it, onTestFinished } from "vitest"
import { startEmbedded } from "../../../src/embedded/EmbeddedServices.ts"
import { migrate, schemaFolder } from "../../../src/persistence/Migrations.ts"
import { dropmate } from "../../kit/DropmateCommand.ts"
import { openToServers, wipeHomeSync } from "../../kit/TestHome.ts"
import { freshDatabase, freshRedis } from "../../kit/TestServices.ts"

const editedFile = "50_fulfilment.sql"

/** The schema of a checkout in which one file was otherwise. */
const otherFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(inject("testHome"), "schema-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  await cp(schemaFolder, folder, { recursive: true })
  await appendFile(join(folder, editedFile), "\nCREATE TABLE parcels_of_old (id integer PRIMARY KEY);\n")
  return folder
}

const query = async (url: string, text: string): Promise<ReadonlyArray<Record<string, unknown>>> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

it("a database that an earlier state of the schema made is refused by migrate, serve and doctor, with the ways out", {
  timeout: 60_000
}, async () => {
  const [database, redis, folder] = await Promise.all([freshDatabase(), freshRedis(), otherFolder()])
  onTestFinished(async () => {
    await Promise.all([database.drop(), redis.drop()])
  })
  await Effect.runPromise(migrate(Redacted.make(database.url), folder))
  const before = await query(database.url, "SELECT * FROM schema_migrations ORDER BY name")
  const name = new URL(database.url).pathname.slice(1)
  const home = await mkdtemp(join(inject("testHome"), "other-schema-"))
  onTestFinished(() => wipeHomeSync(home))
  const environment = {
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    DROPMATE_HOME: home,
    DROPMATE_SECRET: "thirty-two bytes or more of a secret for a test"
  }
  for (const command of ["migrate", "serve"]) {
    const { code, stderr } = await dropmate([command], environment)
    expect(stderr, command).toContain(`${editedFile} was edited after it was applied`)
    expect(stderr).toContain("nothing was changed")
    expect(stderr).toContain("No released version is affected")
    expect(stderr).toContain(`DROP DATABASE "${name}" WITH (FORCE); CREATE DATABASE "${name}";`)
    expect(code).toBe(1)
  }
  expect((await dropmate(["doctor"], environment)).stdout).toMatch(/fail {2}migrations .*50_fulfilment\.sql was edited/)
  expect(await query(database.url, "SELECT * FROM schema_migrations ORDER BY name")).toEqual(before)
  // What the message says, as it says it.
  const other = new URL(database.url)
  other.pathname = "/postgres"
  await query(other.href, `DROP DATABASE "${name}" WITH (FORCE)`)
  await query(other.href, `CREATE DATABASE "${name}"`)
  expect((await dropmate(["migrate"], environment)).code).toBe(0)
})

it("a home that an earlier state of the schema made names its folder, and is well again without it", {
  timeout: 120_000
}, async () => {
  const [folder, root] = await Promise.all([otherFolder(), mkdtemp(join(inject("testHome"), "other-home-"))])
  onTestFinished(() => wipeHomeSync(root))
  openToServers(root)
  const cacheDir = inject("cacheDir")
  const home = await Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const embedded = yield* startEmbedded({ root, cacheDir })
        yield* migrate(Redacted.make(embedded.postgres.socketUrl), folder)
        return embedded.home
      })
    )
  )
  const environment = { DROPMATE_HOME: root, DROPMATE_CACHE: cacheDir }
  for (const command of ["migrate", "serve"]) {
    const { code, stderr } = await dropmate([command], environment)
    expect(stderr, command).toContain(`${editedFile} was edited after it was applied`)
    expect(stderr).toContain(`delete the folder ${home.dataDir}, and start again`)
    expect(code).toBe(1)
  }
  rmSync(home.dataDir, { recursive: true })
  const { code, stdout } = await dropmate(["migrate"], environment)
  expect(stdout).toContain("0 were applied before")
  expect(code).toBe(0)
})
