import { Effect, Redacted } from "effect"
import { describe, expect, it, onTestFinished } from "vitest"
import { defaultLimits } from "../../src/config/Limits.ts"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { migrate } from "../../src/persistence/Migrations.ts"
import { DatabaseWatch } from "../kit/DatabaseWatch.ts"
import { LoadedFleet } from "../kit/LoadedFleet.ts"
import { kept, Oracle } from "../kit/Oracle.ts"
import { promiseSeed, reportPromise } from "../kit/PromiseSize.ts"
import { ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { freshDatabase } from "../kit/TestServices.ts"
import { until } from "../kit/Until.ts"
import { goodRows, type Row } from "../schema/GoodRows.ts"

const jumpDays = 40
const dayMs = 86_400_000
/** Points that were recorded so many days from now, or a day more or less: a run may cross midnight. */
const storedAt = "SELECT count(*) FROM driver_location_events WHERE abs(recorded_at::date - now()::date - $1) <= 1"

/** Lets phones whose clocks agree with the server's report for some seconds, and waits until every point is acknowledged. */
const drive = async (server: ServerProcess, clockOffsetMs: number, random: SeededRandom) => {
  const oracle = new Oracle()
  const fleet = await LoadedFleet.connect(server, oracle, { drivers: 20, pointsPerSecond: 400, random })
  fleet.clockOffsetMs = clockOffsetMs
  fleet.drive()
  await until(
    "acknowledged points",
    () => oracle.ackedPoints,
    (acked) => acked >= 1_000,
    30_000
  )
  await fleet.drained()
  await fleet.stop()
  return { oracle, points: fleet.reportedPoints }
}

// Telemetry is partitioned by the point's time, which the server's clock bounds: so that is the clock to set.
describe.each([
  ["ahead of", jumpDays * dayMs],
  ["behind", -jumpDays * dayMs]
])("a server whose clock is forty days %s PostgreSQL's", (_, clockOffsetMs) => {
  it("stores every point, before and after its clock is right again", { timeout: 120_000 }, async () => {
    const seed = promiseSeed()
    reportPromise("clock jump", { seed, clockOffsetMs })
    const { databaseUrl, environment } = await serverServices()
    const server = await ServerProcess.start({ ...environment, DROPMATE_CLOCK_OFFSET_MS: String(clockOffsetMs) })
    const database = await DatabaseWatch.open(databaseUrl)
    const off = await drive(server, clockOffsetMs, new SeededRandom(seed))
    expect(await off.oracle.judge(databaseUrl)).toMatchObject({ ...kept, stored: off.points, quarantined: 0 })
    expect(await database.number(storedAt, [clockOffsetMs / dayMs])).toBe(off.points)
    // Retention ran when the server started, by two clocks that disagree.
    expect(server.log().filter(({ event }) => event.startsWith("partition_dropped"))).toEqual([])
    await server.kill9()
    await server.startAgain({ DROPMATE_CLOCK_OFFSET_MS: "0" })
    // What lies forty days back has now outlived its policy by both clocks; what comes is stored like ever. Tokens of the other
    // time are not good any more, so the phones sign in again.
    const right = await drive(server, 0, new SeededRandom(seed + 1))
    expect(await database.number(storedAt, [0])).toBe(right.points)
    expect(await server.metric("dropmate_ingest_failures_total")).toBe(0)
    expect(server.log().filter(({ level }) => level === "ERROR")).toEqual([])
  })
})

interface PolicyRow {
  readonly table_name: string
}

// The other tables are partitioned by when the database recorded a row, so PostgreSQL's own now() decides. It cannot be set; but a
// database whose clock jumped is one whose months were made ready around another day than today.
describe.each([
  ["ahead", -jumpDays],
  ["behind", jumpDays]
])("a database whose clock jumps forty days %s", (_, readyAtDays) => {
  it("takes rows into every table that is partitioned by month", { timeout: 60_000 }, async () => {
    const fresh = await freshDatabase()
    onTestFinished(() => fresh.drop())
    await Effect.runPromise(migrate(Redacted.make(fresh.url)))
    const database = await DatabaseWatch.open(fresh.url)
    const tables = await database.rows<PolicyRow>("SELECT table_name FROM retention_policies WHERE period = 'month'")
    expect(tables.length).toBeGreaterThanOrEqual(3)
    await database.rows("SET session_replication_role = replica")
    for (const { table_name } of tables) {
      for (const { partition } of await database.rows<{ partition: string }>(
        "SELECT partition FROM partitions WHERE table_name = $1",
        [table_name]
      ))
        await database.rows(`DROP TABLE ${partition}`)
      await database.rows(
        "SELECT ensure_month($1, (now() + make_interval(days => $2, months => n))::date) FROM generate_series($3::integer, $4) AS n",
        [table_name, readyAtDays, -defaultLimits.partitionMonthsBack, defaultLimits.partitionMonthsAhead]
      )
      const row = goodRows.find(([table]) => table === table_name)?.[1] as Row
      const columns = Object.keys(row).map((column) => `"${column}"`)
      const { length } = await database.rows(
        `INSERT INTO ${table_name} (${columns.join(", ")})
         SELECT ${columns.join(", ")} FROM jsonb_populate_record(NULL::${table_name}, $1::jsonb) RETURNING 1`,
        [JSON.stringify(row)]
      )
      expect(length, table_name).toBe(1)
    }
  })
})

it("forty days from any day of four years lie within the months that are kept ready around it", () => {
  const monthOf = (ms: number): number => new Date(ms).getUTCFullYear() * 12 + new Date(ms).getUTCMonth()
  const beginsAt = Date.UTC(2027, 0, 1)
  for (let day = 0; day < 4 * 366; day++) {
    const readyAt = beginsAt + day * dayMs
    const [early, late] = [-1, 1].map((way) => monthOf(readyAt + way * jumpDays * dayMs) - monthOf(readyAt))
    expect(early).toBeGreaterThanOrEqual(-defaultLimits.partitionMonthsBack)
    expect(late).toBeLessThanOrEqual(defaultLimits.partitionMonthsAhead)
  }
})
