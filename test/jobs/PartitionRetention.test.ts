import { Effect, Redacted } from "effect"
import pg from "pg"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { defaultLimits, Limits } from "../../src/config/Limits.ts"
import { ArchiveFailed, PartitionArchive, retirePartitions } from "../../src/jobs/PartitionRetention.ts"
import { migrate } from "../../src/persistence/Migrations.ts"
import { type FreshDatabase, freshDatabase } from "../kit/TestServices.ts"

let database: FreshDatabase
let client: pg.Client

beforeEach(async () => {
  database = await freshDatabase()
  await Effect.runPromise(migrate(Redacted.make(database.url)))
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
})

afterEach(async () => {
  await client.end()
  await database.drop()
})

const oneRound = retirePartitions
type Archive = NonNullable<typeof PartitionArchive.Service>

const retire = (limits: Partial<Limits> = {}, archive?: Archive) =>
  Effect.runPromise(
    oneRound(Redacted.make(database.url)).pipe(
      Effect.provideService(PartitionArchive, archive),
      Effect.provideService(Limits, { ...defaultLimits, ...limits })
    )
  )

/** Makes the partition of the UTC day so many days ago; answers its name. */
const dayAgo = async (days: number): Promise<string> => {
  const { rows } = await client.query<{ name: string }>(
    `SELECT ensure_telemetry_day((now() AT TIME ZONE 'UTC')::date - $1::integer),
       'driver_location_events_' || to_char((now() AT TIME ZONE 'UTC')::date - $1::integer, 'YYYYMMDD') AS name`,
    [days]
  )
  return rows[0]?.name ?? ""
}

const tables = async (pattern: string): Promise<ReadonlyArray<string>> =>
  (
    await client.query<{ name: string }>(
      "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relname LIKE $1 ORDER BY 1",
      [pattern]
    )
  ).rows.map(({ name }) => name)

const another = async (): Promise<pg.Client> => {
  const reader = new pg.Client({ connectionString: database.url })
  reader.on("error", () => {})
  await reader.connect()
  return reader
}

/** A driver's two points an hour, all through the day so many days ago; they arrive as they are made. */
const driveThrough = async (days: number): Promise<void> => {
  await client.query(
    `WITH u AS (INSERT INTO users (id, email, name, role) VALUES ($1, 'd@test.example', 'Dana', 'driver') ON CONFLICT DO NOTHING),
       d AS (INSERT INTO drivers (id, user_id) VALUES ($1, $1) ON CONFLICT DO NOTHING)
     INSERT INTO driver_location_events (driver_id, recorded_at, received_at, seq, device_no, lat, lng)
     SELECT $1, at, at, n, 1, 1, 1 FROM generate_series(1, 48) AS n,
       LATERAL (SELECT date_trunc('day', now(), 'UTC') - make_interval(days => $2) + (n - 1) * interval '30 minutes' AS at) AS t`,
    ["01900000-0000-7000-8000-000000000001", days]
  )
}

const hours = async (): Promise<unknown> => {
  const { rows } = await client.query(
    "SELECT count(*)::integer AS hours, coalesce(sum(points), 0)::integer AS points FROM driver_location_hourly"
  )
  return rows[0]
}

const marks = async (): Promise<ReadonlyArray<string>> =>
  (await client.query<{ name: string }>("SELECT name FROM roll_up_marks")).rows.map(({ name }) => name)

describe("a round of retention", () => {
  it("drops what has outlived its policy, by day and by month, and nothing else", async () => {
    const [old, kept, today] = [await dayAgo(32), await dayAgo(29), await dayAgo(0)]
    await client.query("SELECT ensure_month('ad_impressions', (now() - interval '20 months')::date)")
    await client.query("SELECT ensure_month('shipment_events', (now() - interval '20 months')::date)")
    const months = (await tables("shipment_events_%")).length
    const report = await retire()
    expect(report.kept).toEqual([])
    expect(report.dropped).toHaveLength(2)
    expect(report.dropped).toContain(old)
    expect(await tables("driver_location_events_%")).toEqual([kept, today])
    expect(await tables("shipment_events_%")).toHaveLength(months)
  })

  it("follows the policy's row", async () => {
    const day = await dayAgo(10)
    expect((await retire()).dropped).toEqual([])
    await client.query("UPDATE retention_policies SET keep = '7 days' WHERE table_name = 'driver_location_events'")
    expect((await retire()).dropped).toEqual([day])
  })

  it("archives first, keeps what could not be archived, and goes on with the others", async () => {
    await client.query("UPDATE retention_policies SET is_archived = true WHERE table_name = 'driver_location_events'")
    const [older, old] = [await dayAgo(40), await dayAgo(35)]
    expect((await retire()).kept.map(({ partition }) => partition)).toEqual([older, old])
    const archived: Array<string> = []
    const report = await retire({}, ({ name }) =>
      name === older
        ? Effect.fail(new ArchiveFailed({ partition: name, reason: "disk full" }))
        : Effect.promise(async () => {
            // Still readable where it was: the archive may copy it through its table.
            await client.query(`SELECT count(*) FROM ${name}`)
            archived.push(name)
          })
    )
    expect([report.dropped, archived]).toEqual([[old], [old]])
    expect(report.kept).toEqual([{ partition: older, reason: `partition ${older} could not be archived: disk full` }])
    expect(await tables("driver_location_events_%")).toEqual([older])
  })

  it("leaves a partition that is being read to the next round, which finishes what was begun", async () => {
    const old = await dayAgo(40)
    const reader = await another()
    await reader.query("BEGIN")
    await reader.query("SELECT count(*) FROM driver_location_events")
    const first = await retire({ partitionDetachMs: 300 })
    expect(first.kept.map(({ partition }) => partition)).toEqual([old])
    const { rows } = await client.query("SELECT is_detaching FROM partitions WHERE partition = $1", [old])
    expect(rows).toEqual([{ is_detaching: true }])
    await reader.query("COMMIT")
    await reader.end()
    expect((await retire()).dropped).toEqual([old])
  })

  it("drops what a crash left detached", async () => {
    const old = await dayAgo(40)
    await client.query(`ALTER TABLE driver_location_events DETACH PARTITION ${old}`)
    expect((await retire()).dropped).toEqual([old])
    expect(await tables("driver_location_events_%")).toEqual([])
  })

  it("rolls a day up into its hours before the day goes", async () => {
    const day = await dayAgo(32)
    await driveThrough(32)
    expect((await retire()).dropped).toEqual([day])
    expect(await hours()).toEqual({ hours: 24, points: 48 })
    expect(await marks()).toEqual([])
  })

  it("rolls a day up once when it is over, long before it goes, and again for what came later", async () => {
    const day = await dayAgo(6)
    await dayAgo(2)
    await driveThrough(6)
    await driveThrough(2)
    expect(await retire()).toEqual({ dropped: [], kept: [] })
    expect(await hours()).toEqual({ hours: 24, points: 48 })
    expect(await marks()).toEqual([day])
    await client.query("DELETE FROM driver_location_hours")
    await retire()
    expect(await hours()).toEqual({ hours: 0, points: 0 })
    await client.query(
      `INSERT INTO driver_location_events (driver_id, recorded_at, seq, device_no, lat, lng)
       SELECT driver_id, recorded_at + interval '1 minute', seq + 100, 1, 1, 1 FROM ${day} WHERE seq = 1`
    )
    await retire()
    expect(await hours()).toEqual({ hours: 24, points: 49 })
  })

  it("is one node's at a time", async () => {
    const other = await another()
    await other.query("SELECT pg_advisory_lock(hashtext('dropmate'), hashtext('retention'))")
    await expect(retire()).rejects.toMatchObject({ _tag: "RetentionUnderWay" })
    await other.end()
  })

  it("lets inserts go on while it waits for a reader", async () => {
    await dayAgo(40)
    await dayAgo(0)
    const reader = await another()
    await reader.query("BEGIN")
    await reader.query("SELECT count(*) FROM driver_location_events")
    const round = retire({ partitionDetachMs: 2_000 })
    const writer = await another()
    await writer.query("SET lock_timeout = '1s'")
    await expect(
      writer.query(
        "INSERT INTO driver_location_events (driver_id, recorded_at, seq, device_no, lat, lng) SELECT '01900000-0000-7000-8000-000000000001', now(), n, 1, 1, 1 FROM generate_series(1, 100) AS n"
      )
    ).resolves.toMatchObject({ rowCount: 100 })
    await reader.query("COMMIT")
    await Promise.all([round, reader.end(), writer.end()])
  })
})
