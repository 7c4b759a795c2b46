import { expect, it } from "vitest"
import { readInstance } from "../../src/embedded/Home.ts"
import { DatabaseWatch } from "../kit/DatabaseWatch.ts"
import { dropmate } from "../kit/DropmateCommand.ts"
import { promiseSeed, reportPromise } from "../kit/PromiseSize.ts"
import { ServerProcess } from "../kit/ServerProcess.ts"
import { traceFile } from "../kit/TraceFile.ts"
import { until } from "../kit/Until.ts"

it("stores each row of a recorded fleet once, with every marker at its courier's last point, though the server is killed at a quarter, at half and at three quarters of it", {
  timeout: 180_000
}, async () => {
  const seed = promiseSeed()
  const trace = traceFile(seed)
  // Its own PostgreSQL and Redis: a server that starts again has to find those that the killed one left running.
  const server = await ServerProcess.start()
  const urls = readInstance({ root: server.home })?.urls
  const database = await DatabaseWatch.open(urls?.DATABASE_URL ?? "")
  const replay = dropmate(["replay", trace.path, "--speed", "0", "--url", server.url, "--json"])
  const killedAt: Array<number> = []
  for (const share of [0.25, 0.5, 0.75]) {
    const rows = await until(
      "enough rows before the kill",
      () => database.settled(),
      (settled) => settled >= trace.rows * share,
      60_000
    )
    killedAt.push(rows)
    await server.kill9()
    await server.startAgain()
  }
  const ended = await replay
  const report = JSON.parse(ended.stdout || "{}") as Record<string, unknown>
  reportPromise("acceptance: replay", {
    seed,
    recorded: trace.isRecorded,
    rows: trace.rows,
    killedAt,
    restartMs: server.starts,
    report
  })
  expect(ended.code, ended.stderr).toBe(0)
  // The last kill came while rows were still missing, so all three hit a replay under way.
  expect(killedAt[2]).toBeLessThan(trace.rows)
  expect(report).toMatchObject({ points_sent: trace.rows, points_acked: trace.rows, points_quarantined: 0 })
  expect(await database.number("SELECT count(*) FROM driver_location_events")).toBe(trace.rows)
  expect(await database.number("SELECT count(DISTINCT (driver_id, device_no, seq)) FROM driver_location_events")).toBe(
    trace.rows
  )
  expect(await database.number("SELECT count(*) FROM telemetry_quarantine")).toBe(0)
  expect(await database.settled()).toBe(trace.rows)
  expect(await misplaced(database, trace.lastPlaces)).toEqual([])
})

/** Couriers whose marker is not at their last point. */
const misplaced = async (
  database: DatabaseWatch,
  lastPlaces: ReadonlyMap<string, { readonly latE7: number; readonly lngE7: number }>
): Promise<ReadonlyArray<string>> => {
  const markers = await database.rows<{ email: string; lat: number; lng: number }>(
    "SELECT u.email, l.lat, l.lng FROM active_driver_locations l JOIN drivers d ON d.id = l.driver_id JOIN users u ON u.id = d.user_id"
  )
  const byEmail = new Map(
    markers.map(({ email, lat, lng }) => [email, { latE7: Math.round(lat * 1e7), lngE7: Math.round(lng * 1e7) }])
  )
  return [...lastPlaces].flatMap(([vehicle, place]) => {
    const marker = byEmail.get(`${vehicle.toLowerCase()}@replay.dropmate.local`)
    return marker?.latE7 === place.latE7 && marker.lngE7 === place.lngE7
      ? []
      : [`${vehicle}: ${JSON.stringify({ place, marker })}`]
  })
}
