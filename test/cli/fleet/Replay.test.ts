import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import pg from "pg"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { ReplayReport } from "../../../src/cli/fleet/Replay.ts"
import type { SimulationReport } from "../../../src/cli/fleet/Simulation.ts"
import { type FreshDatabase, type FreshRedis, freshDatabase, freshRedis } from "../../kit/TestServices.ts"
import { freePort, spawnDropmate, startServer, until } from "../ServerProcess.ts"

const vehicles = 20
const fixesEach = 60

let database: FreshDatabase
let redis: FreshRedis
let folder: string
let csv: string
let env: Record<string, string>
let server: Awaited<ReturnType<typeof startServer>>

/** Vehicles that drive north, a fix each second. */
const trace = (): string => {
  const lines = ["time,vehicle_id,lat,lng,activity"]
  for (let fix = 0; fix < fixesEach; fix++) {
    for (let vehicle = 0; vehicle < vehicles; vehicle++) {
      const time = new Date(Date.UTC(2022, 0, 12, 17, 0, fix)).toISOString()
      lines.push(
        `${time},V${vehicle},${(52.5 + fix * 0.0001).toFixed(6)},${(13.4 + vehicle * 0.01).toFixed(6)},Driving`
      )
    }
  }
  return `${lines.join("\n")}\n`
}

beforeAll(async () => {
  database = await freshDatabase()
  redis = await freshRedis()
  folder = mkdtempSync(join(tmpdir(), "dropmate-replay-"))
  csv = join(folder, "trace.csv")
  writeFileSync(csv, trace())
  env = {
    DROPMATE_HOME: join(folder, "home"),
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    DROPMATE_SECRET: "a secret of at least thirty-two characters",
    DROPMATE_ADMIN_EMAIL: "admin@example.test",
    DROPMATE_ADMIN_PASSWORD: "correct horse battery",
    HTTP_PORT: String(await freePort()),
    REALTIME_PORT: String(await freePort()),
    LOG_LEVEL: "Warn"
  }
  server = await startServer(env)
})

afterAll(async () => {
  server?.child.kill("SIGKILL")
  await server?.exited
  await database?.drop()
  await redis?.drop()
  rmSync(folder, { recursive: true, force: true })
})

const query = async (text: string): Promise<ReadonlyArray<Record<string, unknown>>> => {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

const stored = async (): Promise<{ readonly rows: number; readonly distinct: number }> => {
  const [row] = await query(
    "SELECT count(*)::int AS rows, count(DISTINCT (driver_id, device_no, seq))::int AS distinct FROM driver_location_events"
  )
  return row as { rows: number; distinct: number }
}

describe("replay against a real server", () => {
  it("delivers the whole trace, with derived motion, and reports it as one line of JSON", async () => {
    const { output, exited } = spawnDropmate(["replay", csv, "--speed", "0"], env)
    expect(await exited, output.stderr).toBe(0)
    const report = JSON.parse(output.stdout) as ReplayReport
    expect(report).toMatchObject({
      vehicles,
      points_sent: vehicles * fixesEach,
      points_acked: vehicles * fixesEach,
      points_quarantined: 0
    })
    expect(report.ack_p50_ms).toBeGreaterThan(0)
    expect(await stored()).toEqual({ rows: vehicles * fixesEach, distinct: vehicles * fixesEach })
    const [ahead] = await query(
      "SELECT count(*)::int AS points FROM driver_location_events WHERE recorded_at > received_at"
    )
    expect(ahead?.points).toBe(0)
  })

  it("loses and doubles nothing when the server is killed in the middle, and finds the drivers of the first run again", async () => {
    const before = await stored()
    const run = spawnDropmate(["replay", csv, "--speed", "10"], env)
    await until(
      async () => (await stored()).rows > before.rows + vehicles * 5,
      () => run.output.stderr
    )
    server.child.kill("SIGKILL")
    await server.exited
    server = await startServer(env)
    expect(await run.exited, run.output.stderr).toBe(0)
    const report = JSON.parse(run.output.stdout) as ReplayReport
    expect(report.points_acked).toBe(vehicles * fixesEach)
    expect(report.reconnects).toBeGreaterThanOrEqual(vehicles)
    const expected = before.rows + vehicles * fixesEach
    expect(await stored()).toEqual({ rows: expected, distinct: expected })
    const [drivers] = await query("SELECT count(*)::int AS drivers FROM drivers")
    expect(drivers?.drivers).toBe(vehicles)
  })

  it("gives up with a report and one line when nothing is acknowledged for the time that was given", async () => {
    const run = spawnDropmate(["replay", csv, "--speed", "1", "--give-up-after-s", "1", "--json"], env)
    const before = await stored()
    await until(
      async () => (await stored()).rows > before.rows,
      () => run.output.stderr
    )
    server.child.kill("SIGKILL")
    await server.exited
    const exitCode = await run.exited
    server = await startServer(env)
    expect(exitCode).toBe(1)
    expect(run.output.stderr).toMatch(
      /^dropmate: gave up: nothing was acknowledged for 1 s, \d+ points are not acknowledged\n$/
    )
    expect((JSON.parse(run.output.stdout) as ReplayReport).points_acked).toBeLessThan(vehicles * fixesEach)
  })
})

describe("Ctrl-C", () => {
  it("ends a replay at once with its report and exit code 130", async () => {
    const before = await stored()
    const run = spawnDropmate(["replay", csv, "--speed", "1", "--json"], env)
    await until(
      async () => (await stored()).rows > before.rows,
      () => run.output.stderr
    )
    run.child.kill("SIGINT")
    expect(await run.exited, run.output.stderr).toBe(130)
    const report = JSON.parse(run.output.stdout) as ReplayReport
    expect(report.points_acked).toBeGreaterThan(0)
    expect(report.points_acked).toBeLessThan(vehicles * fixesEach)
    expect(run.output.stderr).toBe("")
  })

  it("sends a simulated fleet home: off duty, everything delivered, then the report and exit code 130", async () => {
    const run = spawnDropmate(["simulate", "--drivers", "5", "--seed", "3", "--json"], env)
    const onDuty = "FROM drivers d JOIN driver_location_events e ON e.driver_id = d.id WHERE d.duty = 'on'"
    await until(
      async () => Number((await query(`SELECT count(DISTINCT d.id) AS drivers ${onDuty}`))[0]?.drivers) === 5,
      () => run.output.stderr
    )
    run.child.kill("SIGINT")
    expect(await run.exited, run.output.stderr).toBe(130)
    const report = JSON.parse(run.output.stdout) as SimulationReport
    expect(report.violations).toEqual([])
    expect(report.points_acked).toBe(report.points_sent)
    const [duties] = await query("SELECT count(*)::int AS off FROM drivers WHERE duty = 'off'")
    expect(duties?.off).toBe(5)
    expect(run.output.stderr).toBe("")
  })
})

describe("simulate against a real server", () => {
  it("drives an honest fleet that meets no violation", async () => {
    const { output, exited } = spawnDropmate(
      ["simulate", "--drivers", "15", "--speed", "60", "--duration-s", "4", "--seed", "7", "--json"],
      env
    )
    expect(await exited, output.stderr).toBe(0)
    const report = JSON.parse(output.stdout) as SimulationReport
    expect(report.violations).toEqual([])
    expect(report.points_acked).toBe(report.points_sent)
    expect(report.points_sent).toBeGreaterThan(500)
  })
})

describe("env and doctor beside a running server", () => {
  it("find it", async () => {
    const beside = { DROPMATE_HOME: env.DROPMATE_HOME ?? "", PATH: process.env.PATH ?? "" }
    const shown = spawnDropmate(["env", "--json"], beside)
    expect(await shown.exited).toBe(0)
    expect(JSON.parse(shown.output.stdout)).toEqual({
      DATABASE_URL: env.DATABASE_URL,
      REDIS_URL: env.REDIS_URL,
      HTTP_URL: `http://127.0.0.1:${env.HTTP_PORT}`,
      REALTIME_URL: `ws://127.0.0.1:${env.REALTIME_PORT}`
    })
    const doctor = spawnDropmate(["doctor", "--json"], beside)
    await doctor.exited
    const findings = JSON.parse(doctor.output.stdout) as ReadonlyArray<{ check: string; verdict: string }>
    for (const check of ["postgresql", "migrations", "roles", "partitions", "clock", "redis", "redis eviction"]) {
      expect(findings.find((finding) => finding.check === check)?.verdict, check).toBe("ok")
    }
  })
})
