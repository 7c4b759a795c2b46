import { expect, it } from "vitest"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { DatabaseWatch } from "../kit/DatabaseWatch.ts"
import { LoadedFleet } from "../kit/LoadedFleet.ts"
import { LossyNetwork } from "../kit/LossyNetwork.ts"
import { kept, Oracle } from "../kit/Oracle.ts"
import { promiseSeed, promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { until } from "../kit/Until.ts"

const drivers = 50
const pointsPerSecond = 500
const points = promiseSize({ ci: 5_000, nightly: 100_000 })
/** Phones say times up to this far back, in any order. */
const shuffledMs = 30_000

/** Looks at acknowledgements as they come: is what they cover committed at that moment? One look at a time. */
const watchAcks = (oracle: Oracle, database: DatabaseWatch) => {
  const found = { looks: 0, early: [] as Array<string>, failed: undefined as unknown }
  let isLooking = false
  const look = async (driverId: string, deviceId: string, seq: number): Promise<void> => {
    isLooking = true
    try {
      const committed = await database.number(
        `SELECT c.last_seq FROM driver_ingest_cursors c JOIN driver_devices d USING (driver_id, device_no)
         WHERE d.driver_id = $1 AND d.device_identifier = $2`,
        [driverId, deviceId]
      )
      found.looks++
      if (committed < seq) found.early.push(`${driverId}: ${seq} acknowledged, ${committed} committed`)
    } catch (cause) {
      found.failed ??= cause
    } finally {
      isLooking = false
    }
  }
  oracle.onAck((driverId, deviceId, seq) => {
    if (!isLooking) void look(driverId, deviceId, seq)
  })
  return found
}

/** Looks at all markers again and again until told to stop; says which went back. */
const watchMarkers = (database: DatabaseWatch) => {
  const last = new Map<string, number>()
  const back: Array<string> = []
  let isOver = false
  const look = async (): Promise<number> => {
    let looks = 0
    for (; !isOver; looks++) {
      const rows = await database.rows<{ d: string; t: number }>(
        "SELECT driver_id AS d, extract(epoch FROM recorded_at)::float8 AS t FROM active_driver_locations"
      )
      for (const { d, t } of rows) {
        if (t < (last.get(d) ?? 0)) back.push(d)
        last.set(d, t)
      }
    }
    return looks
  }
  const looks = look()
  return {
    back,
    stop: (): Promise<number> => {
      isOver = true
      return looks
    }
  }
}

it("P04: frames lost, repeated and overtaken, and points in any order of time, leave each point once, markers that never go back, and no acknowledgement before its commit", {
  timeout: 90_000 + (points / pointsPerSecond) * 4_000
}, async () => {
  const seed = promiseSeed()
  const random = new SeededRandom(seed)
  const network = new LossyNetwork(random.fork(1))
  const { databaseUrl, environment } = await serverServices()
  const server = await ServerProcess.start(environment)
  const oracle = new Oracle()
  const acks = watchAcks(oracle, await DatabaseWatch.open(databaseUrl))
  const markers = watchMarkers(await DatabaseWatch.open(databaseUrl))
  const fleet = await LoadedFleet.connect(server, oracle, {
    drivers,
    pointsPerSecond,
    random,
    network: (_, sockets) => network.sockets(sockets),
    recordedAt: (dueMs, times) => dueMs - times.below(shuffledMs)
  })
  fleet.drive()
  await until(
    "the agreed load",
    () => fleet.reportedPoints,
    (reported) => reported >= points,
    points * 10 + 30_000
  )
  fleet.pause()
  network.heal()
  // What was lost at the very end leaves no gap that anybody could notice; only a new connection tells.
  for (const { client } of fleet.couriers) {
    client.offline()
    client.online()
  }
  await fleet.drained()
  const markerLooks = await markers.stop()
  await fleet.stop()
  const verdict = await oracle.judge(databaseUrl)
  reportPromise("P04", { seed, drivers, points: verdict.acked, ...network.counts, ackLooks: acks.looks, markerLooks })
  expect(verdict).toMatchObject({ ...kept, acked: fleet.reportedPoints, stored: fleet.reportedPoints, quarantined: 0 })
  expect(acks).toMatchObject({ early: [], failed: undefined })
  expect(markers.back).toEqual([])
  expect(Math.min(acks.looks, markerLooks, ...Object.values(network.counts))).toBeGreaterThan(0)
})
