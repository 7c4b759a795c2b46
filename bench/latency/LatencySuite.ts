import { type BenchOptions, scaled } from "../BenchOptions.ts"
import type { BenchStage, Contestant } from "../BenchStage.ts"
import { type Figure, figure } from "../Figure.ts"
import { pause, UnsoundFanout } from "../fanout/FanoutRun.ts"
import { UnsoundRun } from "../ingest/IngestRun.ts"
import { isWanted, type Suite } from "../Suite.ts"
import type { FollowOperations, FollowSample } from "./FollowOperations.ts"
import { type OrderUnderWay, ordersUnderWay } from "./OrdersUnderWay.ts"

const trackedOrders = 200
/** How often a followed phone reports. */
const reportHz = 2
const crowdSockets = 1_000
const crowdPointsPerS = 10_000
const crowdWindowPoints = 900
const drainMs = 60_000

/** The process of phones and those who follow them. */
export const followProcess = (stage: BenchStage) =>
  stage.process<FollowOperations>("follow", new URL("./FollowProcess.ts", import.meta.url))

/**
 * Followed phones report to the product while 10,000 points a second of others go to `crowdTo`: to the product too, which stores
 * them, or to the bare server, which reads and judges them and stores nothing. Then rows and acknowledgements are compared.
 */
const follow = async (
  stage: BenchStage,
  options: BenchOptions,
  orders: ReadonlyArray<OrderUnderWay>,
  crowdTo: Extract<Contestant, "engine" | "bare">
): Promise<FollowSample> => {
  const product = await stage.server("engine")
  const { port } = await stage.server(crowdTo)
  const [followers, crowd] = [await followProcess(stage), await stage.load()]
  await stage.database.reset()
  const followed = orders.map(({ driver, trackingTokens }) => ({
    driver: { token: driver.token, deviceId: "bench" },
    trackingTokens
  }))
  const others = (await stage.database.driversOf(orders.length + scaled(options, crowdSockets))).slice(orders.length)
  const identities = others.map(({ token }) => ({ token, deviceId: "bench" }))
  await crowd.ask("open", { host: "127.0.0.1", port, dialect: "messagepack", framePoints: 1, identities })
  await followers.ask("open", { port: product.port, followed, trackingTokens: [], dispatcherTokens: [] })
  await stage.database.analyze()
  const pointsPerS = Math.max(1, crowdPointsPerS * options.scale)
  await crowd.ask("begin", { _tag: "Paced", windowPoints: crowdWindowPoints, pointsPerS })
  await followers.ask("begin", { hz: reportHz })
  await pause(options.warmUpS, options.signal)
  await followers.ask("measure", null)
  await pause(options.seconds, options.signal)
  const [end, crowdEnd] = await Promise.all([
    followers.ask("drain", { timeoutMs: drainMs }),
    crowd.ask("drain", { timeoutMs: drainMs })
  ])
  await Promise.all([followers.ask("close", null), crowd.ask("close", null)])
  const surprises = { ...end.surprises, ...crowdEnd.surprises }
  if (Object.keys(surprises).length > 0) throw new UnsoundRun("engine", surprises)
  const stored = crowdTo === "engine" ? crowdEnd : { acked: 0, sent: 0 }
  await stage.database.gate("engine", end.acked + stored.acked, end.sent + stored.sent, true)
  // A newer place may stand in for an older one after a stall; that little may be missing and no more.
  if (end.delivered < end.sent * 0.9) throw new UnsoundFanout("hub", `${end.delivered} of ${end.sent} positions came`)
  options.tell(
    `B11 crowd to ${crowdTo}: ${end.latencyMs.count} positions, p50 ${end.latencyMs.p50?.toFixed(2)} ms, ` +
      `p99 ${end.latencyMs.p99?.toFixed(2)} ms, ${end.delivered} of ${end.sent} delivered`
  )
  return end
}

const measureFollowing = async (stage: BenchStage, options: BenchOptions): Promise<ReadonlyArray<Figure>> => {
  const drivers = await stage.database.driversOf(scaled(options, trackedOrders))
  const orders = await ordersUnderWay(stage.plan.databaseUrl, drivers, 1)
  const stored: Array<FollowSample> = []
  const unstored: Array<FollowSample> = []
  for (let run = 0; run < options.runs; run++) {
    const turns = run % 2 === 0 ? (["engine", "bare"] as const) : (["bare", "engine"] as const)
    for (const crowdTo of turns) {
      const sample = await follow(stage, options, orders, crowdTo)
      if (crowdTo === "engine") stored.push(sample)
      else unstored.push(sample)
    }
  }
  await stage.end("bare")
  const p99 = (sample: FollowSample): number => sample.latencyMs.p99 ?? Number.NaN
  const context = {
    orders: orders.length,
    reportHz,
    crowdSockets: scaled(options, crowdSockets),
    crowdPointsPerS: Math.max(1, crowdPointsPerS * options.scale)
  }
  return [
    figure({
      id: "B11.p50",
      what: "driver's point due to customer's frame read, 10,000 points/s stored meanwhile, p50",
      unit: "ms",
      runs: stored.map((sample) => sample.latencyMs.p50 ?? Number.NaN),
      target: { most: 2, beyond: 1.1 },
      context
    }),
    figure({
      id: "B11.p99",
      what: "the same, p99",
      unit: "ms",
      runs: stored.map(p99),
      target: { most: 6, beyond: 4.5 },
      context
    }),
    figure({
      id: "B11.ratio",
      what: "p99 with those points stored ÷ with them sent to a server that stores nothing",
      unit: "ratio",
      runs: stored.map((sample, i) => p99(sample) / p99(unstored[i] as FollowSample)),
      target: { most: 1.3, beyond: 1.15 },
      context
    })
  ]
}

/** From a driver's phone to a customer's page (promise B11). */
export const latencySuite: Suite = {
  what: "driver's point to customer's frame through the whole product, while points are stored (B11)",
  scenarios: ["follow"],
  run: async (open, options) => (isWanted(options, "follow") ? measureFollowing(await open(), options) : [])
}
