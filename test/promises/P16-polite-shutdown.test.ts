import { expect, it } from "vitest"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { BusyDesk } from "../kit/BusyDesk.ts"
import { LoadedFleet } from "../kit/LoadedFleet.ts"
import { gatherOnlookers } from "../kit/Onlookers.ts"
import { kept, Oracle } from "../kit/Oracle.ts"
import { promiseSeed, reportPromise } from "../kit/PromiseSize.ts"
import { type ProcessEnd, ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { until } from "../kit/Until.ts"

const drivers = 200
const pointsPerSecond = 2_000
/** What is promised is ten seconds, and the figure of each run is printed; this is the deadline on a machine that does much else. */
const stopDeadlineMs = 30_000
const postersMany = 8
const onlookers = { customers: 60, dispatchers: 20, streams: 10 }

/** How it ended, once it has. */
const stopped = async (server: ServerProcess): Promise<ProcessEnd> => {
  await until(
    "the end of the server",
    () => server.isRunning,
    (isRunning) => !isRunning,
    stopDeadlineMs
  )
  return server.end()
}

it("P16: told to stop under load the server says goodbye to every driver, customer and dispatcher, exits 0, loses nothing, and the next start takes the rest", {
  timeout: 300_000
}, async () => {
  const seed = promiseSeed()
  const { databaseUrl, environment } = await serverServices()
  const server = await ServerProcess.start(environment)
  const oracle = new Oracle()
  const fleet = await LoadedFleet.connect(server, oracle, { drivers, pointsPerSecond, random: new SeededRandom(seed) })
  const { customers, dispatchers, streams } = await gatherOnlookers(server, databaseUrl, onlookers)
  fleet.drive()
  await until(
    "acknowledged load",
    () => oracle.ackedPoints,
    (acked) => acked >= pointsPerSecond,
    30_000
  )
  const desk = new BusyDesk(server, postersMany)
  await until(
    "the first answers to posts",
    () => desk.answeredSoFar,
    (answered) => answered >= postersMany
  )
  const beganAt = performance.now()
  server.signal("SIGTERM")
  const ended = await stopped(server)
  const stopMs = Math.round(performance.now() - beganAt)
  const posted = await desk.close()
  // The first close of each: those that come back at once meet a port where nobody listens.
  const firstCloses = () => new Map(oracle.closes.toReversed().map(({ driverId, code }) => [driverId, code]))
  await until(
    "the close of every socket",
    () => firstCloses().size,
    (closed) => closed === drivers
  )
  const goodbyes = [...firstCloses().values()]
  fleet.pause()
  const afterStop = await oracle.judge(databaseUrl)
  const startsBefore = server.log().length
  await server.startAgain()
  await fleet.live()
  await fleet.drained()
  await fleet.stop()
  const verdict = await oracle.judge(databaseUrl)
  reportPromise("P16", {
    seed,
    drivers,
    pointsPerSecond,
    onlookers,
    stopMs,
    posts: { answered: posted.answered.length, unanswered: posted.unanswered },
    ackedBeforeStop: afterStop.acked,
    acked: verdict.acked,
    stored: verdict.stored
  })
  expect(ended).toEqual({ code: 0, signal: null })
  // Answered, or refused before work: what was answered is there, and what was not answered did nothing.
  expect(await desk.effects(databaseUrl)).toEqual(posted.answered)
  expect(new Set(goodbyes)).toEqual(new Set([4000]))
  const codes = await Promise.all([...customers, ...dispatchers].map((page) => page.closeCode()))
  expect(new Set(codes)).toEqual(new Set([4000]))
  for (const stream of streams) {
    expect((await stream.next("goodbye")).data).toMatchObject({ code: 4000, reason: "draining" })
  }
  expect(afterStop).toMatchObject(kept)
  expect(verdict).toMatchObject({ ...kept, acked: fleet.reportedPoints, stored: fleet.reportedPoints, quarantined: 0 })
  expect(
    server
      .log()
      .slice(startsBefore)
      .filter(({ level }) => level === "ERROR" || level === "WARN")
  ).toEqual([])
})

it("P16: told to stop while PostgreSQL does not answer the server still ends by itself, and the phones keep what was not acknowledged", {
  timeout: 300_000
}, async () => {
  const seed = promiseSeed()
  const { databaseUrl, environment, proxy } = await serverServices()
  const server = await ServerProcess.start(environment)
  const oracle = new Oracle()
  const random = new SeededRandom(seed)
  const fleet = await LoadedFleet.connect(server, oracle, { drivers: 20, pointsPerSecond: 200, random })
  fleet.drive()
  await until(
    "acknowledged load",
    () => oracle.ackedPoints,
    (acked) => acked >= 100
  )
  proxy.stall()
  const closedCredit = () => oracle.credits.filter(({ window }) => window === 0).length
  await until("closed credit", closedCredit, (closed) => closed >= 20)
  const beganAt = performance.now()
  server.signal("SIGTERM")
  const ended = await stopped(server)
  const stopMs = Math.round(performance.now() - beganAt)
  fleet.pause()
  // What the dead server had sent may still be carried out now; it was not acknowledged.
  proxy.cutOnce()
  proxy.restore()
  await server.startAgain()
  await fleet.live()
  await fleet.drained()
  await fleet.stop()
  const verdict = await oracle.judge(databaseUrl)
  reportPromise("P16 without a database", { seed, stopMs, acked: verdict.acked, stored: verdict.stored })
  expect(ended).toEqual({ code: 0, signal: null })
  expect(verdict).toMatchObject({ ...kept, acked: fleet.reportedPoints, stored: fleet.reportedPoints, quarantined: 0 })
})
