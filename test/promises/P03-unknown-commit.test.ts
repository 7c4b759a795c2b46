import { expect, it } from "vitest"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { LoadedFleet } from "../kit/LoadedFleet.ts"
import { kept, Oracle } from "../kit/Oracle.ts"
import { promiseSeed, promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { until } from "../kit/Until.ts"

const cuts = promiseSize({ ci: 24, nightly: 200 })
const drivers = 50
const pointsPerSecond = 1_000

/** The answer to an ingest transaction: CommandComplete of its COPY and of its COMMIT, in one piece. */
const committed = (bytes: Buffer): boolean => bytes.includes("COPY ") && bytes.includes("COMMIT\0")
/** The last piece of an ingest transaction as the writer sends it: it executes the statement prepared as `commit`. */
const commits = (bytes: Buffer): boolean => bytes.includes("\0commit\0")

it("P03: a connection cut between COMMIT and its answer neither loses nor doubles a point", {
  timeout: 60_000 + cuts * 3_000
}, async () => {
  const seed = promiseSeed()
  const { proxy, databaseUrl, environment } = await serverServices()
  const server = await ServerProcess.start(environment)
  const oracle = new Oracle()
  const fleet = await LoadedFleet.connect(server, oracle, { drivers, pointsPerSecond, random: new SeededRandom(seed) })
  fleet.drive()
  for (let cut = 0; cut < cuts; cut++) {
    // By turns: committed for certain and not told, and cut so early that it may not have been carried out yet.
    if (cut % 2 === 0) proxy.cutOnAnswer(committed)
    else proxy.cutAfterAsking(commits)
    await until(
      "the cut",
      () => proxy.strikes,
      (strikes) => strikes === cut + 1
    )
    const before = oracle.ackedPoints
    // More than one lane's share of what waits: both lanes are at work again.
    await until(
      "acknowledgements after the cut",
      () => oracle.ackedPoints,
      (acked) => acked >= before + pointsPerSecond / 4,
      30_000
    )
  }
  await fleet.drained()
  const failures = await server.metric("dropmate_ingest_failures_total")
  await fleet.stop()
  const verdict = await oracle.judge(databaseUrl)
  reportPromise("P03", { seed, cuts, drivers, pointsPerSecond, failures, acked: verdict.acked, stored: verdict.stored })
  expect(verdict).toMatchObject({ ...kept, acked: fleet.reportedPoints, stored: fleet.reportedPoints, quarantined: 0 })
  expect(failures).toBeGreaterThanOrEqual(cuts)
})
