import { expect, it } from "vitest"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { LoadedFleet } from "../kit/LoadedFleet.ts"
import { kept, Oracle } from "../kit/Oracle.ts"
import { promiseSeed, promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { until } from "../kit/Until.ts"

const kills = promiseSize({ ci: 6, nightly: 100 })
const drivers = 200
const pointsPerSecond = 2_000

it("P01: an acknowledged point is in the database, once, though the server is killed at random moments", {
  timeout: 60_000 + kills * 15_000
}, async () => {
  const seed = promiseSeed()
  const random = new SeededRandom(seed)
  const services = await serverServices()
  const server = await ServerProcess.start(services.environment)
  const oracle = new Oracle()
  const fleet = await LoadedFleet.connect(server, oracle, { drivers, pointsPerSecond, random })
  fleet.drive()
  for (let kill = 0; kill < kills; kill++) {
    // Between a tenth of a second and a second and a half of the load after the last start.
    const killAt = oracle.ackedPoints + 200 + random.below(2_800)
    await until(
      "enough acknowledgements before the kill",
      () => oracle.ackedPoints,
      (acked) => acked >= killAt,
      30_000
    )
    await server.kill9()
    await server.startAgain()
  }
  await fleet.live()
  await fleet.drained()
  await fleet.stop()
  const verdict = await oracle.judge(services.databaseUrl)
  reportPromise("P01", {
    seed,
    kills,
    drivers,
    pointsPerSecond,
    sent: verdict.sent,
    acked: verdict.acked,
    stored: verdict.stored,
    resent: fleet.resent,
    restartMs: server.starts
  })
  expect(verdict).toMatchObject(kept)
  expect(verdict).toMatchObject({ acked: fleet.reportedPoints, stored: fleet.reportedPoints, quarantined: 0 })
})
