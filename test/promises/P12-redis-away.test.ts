import { expect, it, onTestFinished } from "vitest"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { LoadedFleet } from "../kit/LoadedFleet.ts"
import { kept, Oracle } from "../kit/Oracle.ts"
import { promiseSeed, promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { ownRedis } from "../kit/TestServices.ts"
import { until } from "../kit/Until.ts"

const drivers = 100
const pointsPerSecond = 1_000
const awayS = promiseSize({ ci: 4, nightly: 60 })

it("P12 (ingest): points are stored and acknowledged while Redis is dead", {
  timeout: 90_000 + awayS * 3_000
}, async () => {
  const seed = promiseSeed()
  const redis = await ownRedis()
  onTestFinished(() => redis.drop())
  const { databaseUrl, environment } = await serverServices()
  const server = await ServerProcess.start({ ...environment, REDIS_URL: redis.url })
  const oracle = new Oracle()
  const fleet = await LoadedFleet.connect(server, oracle, { drivers, pointsPerSecond, random: new SeededRandom(seed) })
  fleet.drive()
  await until(
    "acknowledged load",
    () => oracle.ackedPoints,
    (acked) => acked >= pointsPerSecond,
    30_000
  )
  process.kill(redis.pid, "SIGKILL")
  const before = oracle.ackedPoints
  await until(
    "acknowledgements without Redis",
    () => oracle.ackedPoints,
    (acked) => acked >= before + awayS * pointsPerSecond,
    awayS * 3_000 + 15_000
  )
  await fleet.drained()
  await fleet.stop()
  const verdict = await oracle.judge(databaseUrl)
  reportPromise("P12 ingest", { seed, drivers, pointsPerSecond, ackedWithoutRedis: verdict.acked - before })
  expect(verdict).toMatchObject({ ...kept, acked: fleet.reportedPoints, stored: fleet.reportedPoints, quarantined: 0 })
  expect(server.log().filter(({ event }) => event === "redis_away")).toHaveLength(1)
})
