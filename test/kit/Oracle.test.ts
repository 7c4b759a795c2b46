import { expect, it } from "vitest"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { DatabaseWatch } from "./DatabaseWatch.ts"
import { LoadedFleet } from "./LoadedFleet.ts"
import { kept, Oracle } from "./Oracle.ts"
import { ServerProcess } from "./ServerProcess.ts"
import { serverServices } from "./ServerServices.ts"
import { until } from "./Until.ts"

it("sees a lost point, a doubled one, one that was never sent, a wrong marker and a wrong cursor", {
  timeout: 60_000
}, async () => {
  const { databaseUrl, environment } = await serverServices()
  const server = await ServerProcess.start(environment)
  const oracle = new Oracle()
  const random = new SeededRandom(7)
  const fleet = await LoadedFleet.connect(server, oracle, { drivers: 5, pointsPerSecond: 500, random })
  fleet.drive()
  await until(
    "some load",
    () => oracle.ackedPoints,
    (acked) => acked >= 100
  )
  await fleet.drained()
  await fleet.stop()
  const database = await DatabaseWatch.open(databaseUrl)
  const spoil = async (statement: string): Promise<Record<string, number>> => {
    await database.rows("BEGIN")
    await database.rows(statement)
    await database.rows("COMMIT")
    const { lost, doubled, neverSent, markersWrong, cursorsWrong } = await oracle.judge(databaseUrl)
    return {
      lost: lost.length,
      doubled: doubled.length,
      neverSent: neverSent.length,
      markersWrong: markersWrong.length,
      cursorsWrong: cursorsWrong.length
    }
  }
  const first = "driver_id = (SELECT min(driver_id::text)::uuid FROM driver_location_events)"
  const columns = "driver_id, seq, device_no, lat, lng"
  const copyOf = (time: string) =>
    `INSERT INTO driver_location_events (recorded_at, ${columns}) SELECT ${time}, ${columns} FROM driver_location_events WHERE ${first} AND seq = 3`
  const none = { lost: 0, doubled: 0, neverSent: 0, markersWrong: 0, cursorsWrong: 0 }

  expect(await oracle.judge(databaseUrl)).toMatchObject({ ...kept, acked: fleet.reportedPoints })
  expect(await spoil(copyOf("recorded_at - interval '1 ms'"))).toEqual({ ...none, doubled: 1, neverSent: 1 })
  expect(await spoil(`DELETE FROM driver_location_events WHERE ${first} AND seq = 3`)).toEqual({
    ...none,
    lost: 1,
    cursorsWrong: 1
  })
  expect(await spoil(`UPDATE driver_ingest_cursors SET marker_lat = marker_lat + 1e-6 WHERE ${first}`)).toEqual({
    ...none,
    lost: 1,
    cursorsWrong: 1,
    markersWrong: 1
  })
})
