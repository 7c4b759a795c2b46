import { Redis } from "ioredis"
import pg from "pg"
import { expect, it, onTestFinished } from "vitest"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { DeliveryByRest } from "../kit/DeliveryByRest.ts"
import { FaultProxy } from "../kit/FaultProxy.ts"
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

/** What is promised is thirty seconds, and the figure of each run is printed; this is the deadline on a machine that does much else. */
const deliveredDeadlineMs = 90_000

/** Ways in which Redis fails: what to do to it, and what heals it. The first is none: what the figures of the others are held against. */
const failures = (proxy: FaultProxy, redis: Redis) =>
  [
    ["well", async () => undefined, async () => undefined],
    ["cut off", async () => proxy.cut(), async () => proxy.restore()],
    ["hung", async () => proxy.stall(), async () => proxy.restore()],
    ["full", () => redis.config("SET", "maxmemory", "1"), () => redis.config("SET", "maxmemory", "0")],
    ["emptied", () => redis.flushall(), () => redis.flushall()]
  ] as const satisfies ReadonlyArray<readonly [string, () => Promise<unknown>, () => Promise<unknown>]>

it("P12 (outbox): while Redis is away orders are taken and the public log goes on; what waits for the queue is delivered after its return", {
  timeout: 240_000 + awayS * 20_000
}, async () => {
  const own = await ownRedis()
  onTestFinished(() => own.drop())
  const address = new URL(own.url)
  const proxy = await FaultProxy.start({ host: address.hostname, port: Number(address.port) })
  onTestFinished(() => proxy.stop())
  const redis = new Redis(own.url)
  onTestFinished(() => redis.disconnect())
  address.port = String(proxy.port)
  const { databaseUrl, environment } = await serverServices()
  const server = await ServerProcess.start({ ...environment, REDIS_URL: address.href })
  const desk = await DeliveryByRest.open(server.url)
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  onTestFinished(() => client.end())
  const waiting = async (): Promise<{ readonly unpublished: number; readonly unsettled: number }> => {
    const { rows } = await client.query(`SELECT count(*) FILTER (WHERE published_no IS NULL)::integer AS unpublished,
      count(*) FILTER (WHERE settled_at IS NULL)::integer AS unsettled FROM outbox`)
    return rows[0]
  }
  const figures: Record<string, unknown> = {}
  for (const [name, fail, heal] of failures(proxy, redis)) {
    await fail()
    const untilMs = performance.now() + awayS * 1_000
    const answeredMs: Array<number> = []
    do {
      const askedMs = performance.now()
      await desk.order()
      answeredMs.push(performance.now() - askedMs)
    } while (performance.now() < untilMs)
    // The log of those who pull stands on PostgreSQL alone.
    await until("every event's number", waiting, ({ unpublished }) => unpublished === 0, 30_000)
    const held = (await waiting()).unsettled
    await heal()
    const healedMs = performance.now()
    await until("the delivery of every job", waiting, ({ unsettled }) => unsettled === 0, deliveredDeadlineMs)
    figures[name] = {
      orders: answeredMs.length,
      medianOrderMs: Math.round(answeredMs.toSorted((a, b) => a - b)[answeredMs.length >> 1] ?? 0),
      slowestOrderMs: Math.round(Math.max(...answeredMs)),
      held,
      deliveredMs: Math.round(performance.now() - healedMs)
    }
    if (name === "cut off" || name === "hung") expect(held).toBeGreaterThan(0)
  }
  expect(Object.keys(figures)).toEqual(["well", "cut off", "hung", "full", "emptied"])
  reportPromise("P12 outbox", { awayS, ...figures })
  const { rows } = await client.query(
    "SELECT (SELECT count(*) FROM shipment_events)::integer AS events, (SELECT count(*) FROM outbox WHERE settled_at IS NOT NULL)::integer AS settled, (SELECT count(*) FROM background_jobs WHERE status <> 'succeeded')::integer AS failed"
  )
  expect(rows[0]).toEqual({ events: rows[0]?.events, settled: rows[0]?.events, failed: 0 })
})
