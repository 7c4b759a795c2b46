import { realpathSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { expect, inject, it, onTestFinished } from "vitest"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { openHome, readInstance } from "../../src/embedded/Home.ts"
import { isRunning, type ProcessIdentity, processesIn } from "../../src/embedded/ProcessTable.ts"
import { LoadedFleet } from "../kit/LoadedFleet.ts"
import { kept, Oracle } from "../kit/Oracle.ts"
import { promiseSeed, promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { until } from "../kit/Until.ts"

const drivers = 200
const pointsPerSecond = 2_000
const outageS = promiseSize({ ci: 10, nightly: 60 })
const frozenS = promiseSize({ ci: 4, nightly: 20 })
const MiB = 1024 * 1024
const rssEveryMs = 100

/** What an outage did to a loaded server. */
interface Outage {
  readonly creditClosedMs: number
  /** Acknowledged after the last driver had heard that credit is closed, until the database was back. */
  readonly ackedMeanwhile: number
  readonly rssBaselineMiB: number
  readonly rssGrowthMiB: number
  readonly waiting: number
  readonly drainedMs: number
}

/** Loads the server, takes the database away for as long as `outageS` seconds of load take, gives it back, and waits for the backlog. */
const suffer = async (
  server: ServerProcess,
  fleet: LoadedFleet,
  oracle: Oracle,
  seconds: number,
  fault: { readonly begin: () => void; readonly end: () => void }
): Promise<Outage> => {
  const rss: Array<number> = []
  const sampler = setInterval(() => rss.push(server.rssBytes()), rssEveryMs)
  onTestFinished(() => clearInterval(sampler))
  fleet.drive()
  await until(
    "three seconds of acknowledged load",
    () => oracle.ackedPoints,
    (acked) => acked >= 3 * pointsPerSecond,
    30_000
  )
  const baseline = Math.max(...rss.splice(0))
  const beganAt = performance.now()
  fault.begin()
  const closed = () => oracle.credits.filter(({ window, atMs }) => window === 0 && atMs >= beganAt)
  const told = await until(
    "closed credit at every driver",
    closed,
    (found) => new Set(found.map((c) => c.driverId)).size === drivers
  )
  const ackedBefore = oracle.ackedPoints
  const reportedAtEnd = fleet.reportedPoints + seconds * pointsPerSecond
  await until(
    "the outage's share of the load",
    () => fleet.reportedPoints,
    (reported) => reported >= reportedAtEnd,
    seconds * 3_000
  )
  const ackedMeanwhile = oracle.ackedPoints - ackedBefore
  const waiting = fleet.pending
  fault.end()
  const endedAt = performance.now()
  await until(
    "new acknowledgements",
    () => oracle.ackedPoints,
    (acked) => acked > ackedBefore + ackedMeanwhile,
    30_000
  )
  await fleet.drained(60_000)
  const drainedMs = Math.round(performance.now() - endedAt)
  clearInterval(sampler)
  return {
    creditClosedMs: Math.round(Math.max(...told.map(({ atMs }) => atMs)) - beganAt),
    ackedMeanwhile,
    rssBaselineMiB: Math.round(baseline / MiB),
    rssGrowthMiB: Math.round((Math.max(...rss) - baseline) / MiB),
    waiting,
    drainedMs
  }
}

it("P02: with PostgreSQL away nothing is acknowledged, lost or piled up in memory, and the backlog goes in when it is back", {
  timeout: 120_000 + outageS * 4_000
}, async () => {
  const seed = promiseSeed()
  const services = await serverServices()
  const server = await ServerProcess.start(services.environment)
  const oracle = new Oracle()
  const fleet = await LoadedFleet.connect(server, oracle, { drivers, pointsPerSecond, random: new SeededRandom(seed) })
  const outage = await suffer(server, fleet, oracle, outageS, {
    begin: () => services.proxy.cut(),
    end: () => services.proxy.restore()
  })
  await fleet.stop()
  const verdict = await oracle.judge(services.databaseUrl)
  reportPromise("P02", {
    seed,
    outageS,
    drivers,
    pointsPerSecond,
    ...outage,
    acked: verdict.acked,
    stored: verdict.stored
  })
  expect(verdict).toMatchObject({ ...kept, acked: fleet.reportedPoints, stored: fleet.reportedPoints, quarantined: 0 })
  expect(outage.ackedMeanwhile).toBe(0)
  expect(outage.rssGrowthMiB).toBeLessThanOrEqual(64)
})

it("P02: a PostgreSQL that is frozen in the middle of its work loses and doubles nothing", {
  timeout: 120_000 + frozenS * 4_000
}, async () => {
  const seed = promiseSeed()
  const server = await ServerProcess.start()
  const home = Effect.runSync(openHome({ root: server.home, cacheDir: inject("cacheDir") }))
  const postgres = () => processesIn(realpathSync(join(home.dataDir, "postgres")), (name) => name === "postgres")
  let frozen: ReadonlyArray<ProcessIdentity> = []
  const thaw = (): void => {
    for (const { pid } of frozen.filter(isRunning)) process.kill(pid, "SIGCONT")
  }
  onTestFinished(thaw)
  const oracle = new Oracle()
  const fleet = await LoadedFleet.connect(server, oracle, { drivers, pointsPerSecond, random: new SeededRandom(seed) })
  const outage = await suffer(server, fleet, oracle, frozenS, {
    begin: () => {
      frozen = postgres()
      for (const { pid } of frozen) process.kill(pid, "SIGSTOP")
    },
    end: thaw
  })
  await fleet.stop()
  const verdict = await oracle.judge(readInstance({ root: server.home })?.urls.DATABASE_URL ?? "")
  reportPromise("P02 frozen", {
    seed,
    frozenS,
    processes: frozen.length,
    ...outage,
    acked: verdict.acked,
    stored: verdict.stored
  })
  expect(verdict).toMatchObject({ ...kept, acked: fleet.reportedPoints, stored: fleet.reportedPoints, quarantined: 0 })
  expect(outage.ackedMeanwhile).toBe(0)
  expect(outage.rssGrowthMiB).toBeLessThanOrEqual(64)
})
