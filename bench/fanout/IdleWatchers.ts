import { Effect, Layer, Redacted } from "effect"
import { AccessTokens } from "../../src/identity/AccessTokens.ts"
import { Secret } from "../../src/identity/Secret.ts"
import { newId } from "../../src/persistence/NewId.ts"
import { type BenchOptions, scaled } from "../BenchOptions.ts"
import type { BenchStage } from "../BenchStage.ts"
import { type Figure, figure } from "../Figure.ts"
import { UnsoundRun } from "../ingest/IngestRun.ts"
import type { FollowPlan } from "../latency/FollowOperations.ts"
import { followProcess } from "../latency/LatencySuite.ts"
import { ordersUnderWay } from "../latency/OrdersUnderWay.ts"
import { pause } from "./FanoutRun.ts"

/** Sockets that are open before the first reading (code compiled, pools grown) and at the second. */
const watchersBefore = 1_000
const watchersAfter = 12_000
const orders = 50
/** A young generation of 1 MiB: sockets must not hide in what garbage has left free. */
const nodeArgs = ["--expose-gc", "--max-semi-space-size=1"]
const tokenTtlS = 86_400

const dispatcherToken = (secret: string): Promise<string> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const tokens = yield* AccessTokens
      const subject = { userId: yield* newId, sessionId: yield* newId, roles: ["dispatcher" as const] }
      return (yield* tokens.issue(subject, tokenTtlS)).token
    }).pipe(Effect.provide(AccessTokens.layer.pipe(Layer.provide(Secret.layer(Redacted.make(secret))))))
  )

/** Bytes a socket: RSS, and the JavaScript heap with what it holds outside. */
interface Weight {
  readonly residentBytes: number
  readonly heapBytes: number
}

type Sockets = Pick<FollowPlan, "trackingTokens" | "dispatcherTokens">

const settleReadingsMax = 12
const settleEveryS = 0.5

/** Reads until the heap no longer shrinks: sockets that have just closed and fibers that let them in are gone by then. */
const settled = async (read: () => Promise<Weight>, signal: AbortSignal): Promise<Weight> => {
  let last = await read()
  for (let i = 0; i < settleReadingsMax; i++) {
    await pause(settleEveryS, signal)
    const next = await read()
    if (next.heapBytes > last.heapBytes * 0.998) return next
    last = next
  }
  return last
}

/** What a socket of the product weighs, from the difference of two counts. Rejects with UnsoundRun when one was closed. */
const weightEach = async (
  stage: BenchStage,
  options: BenchOptions,
  plan: (count: number) => Sockets
): Promise<Weight> => {
  await stage.end("engine")
  const { process, port } = await stage.server("engine", nodeArgs)
  const follow = await followProcess(stage)
  const [few, many] = [scaled(options, watchersBefore), scaled(options, watchersAfter)]
  const weightWith = async (count: number): Promise<Weight> => {
    await follow.ask("open", { port, followed: [], ...plan(count) })
    const weight = await settled(() => process.ask("sample", { collect: true }), options.signal)
    const { surprises } = await follow.ask("drain", { timeoutMs: 0 })
    if (Object.keys(surprises).length > 0) throw new UnsoundRun("engine", surprises)
    return weight
  }
  // Once for nothing: code and caches that the first sockets bring would be taken for the weight of the later ones.
  await weightWith(few)
  const before = await weightWith(few)
  const after = await weightWith(many)
  await follow.ask("close", null)
  await stage.end("engine")
  return {
    residentBytes: (after.residentBytes - before.residentBytes) / (many - few),
    heapBytes: (after.heapBytes - before.heapBytes) / (many - few)
  }
}

const weights = (name: string, runs: ReadonlyArray<Weight>, context: Figure["context"]): ReadonlyArray<Figure> => [
  figure({
    id: `rss.${name}`,
    what: `RSS an idle ${name}'s socket`,
    unit: "bytes",
    runs: runs.map((weight) => weight.residentBytes),
    context
  }),
  figure({
    id: `heap.${name}`,
    what: "JavaScript heap of the same, to which the native socket comes",
    unit: "bytes",
    runs: runs.map((weight) => weight.heapBytes),
    context
  })
]

/** What a customer and a dispatcher cost who only wait: 50 orders, many watchers each; one view of an empty fleet. */
export const idleFigures = async (stage: BenchStage, options: BenchOptions): Promise<ReadonlyArray<Figure>> => {
  const many = scaled(options, watchersAfter)
  const drivers = await stage.database.driversOf(Math.min(orders, many))
  const links = await ordersUnderWay(stage.plan.databaseUrl, drivers, Math.ceil(many / drivers.length))
  const trackingTokens = links.flatMap((order) => order.trackingTokens)
  const token = await dispatcherToken(stage.plan.secret)
  const customers: Array<Weight> = []
  const dispatchers: Array<Weight> = []
  for (let run = 0; run < options.runs; run++) {
    customers.push(
      await weightEach(stage, options, (count) => ({
        trackingTokens: trackingTokens.slice(0, count),
        dispatcherTokens: []
      }))
    )
    dispatchers.push(
      await weightEach(stage, options, (count) => ({
        trackingTokens: [],
        dispatcherTokens: Array.from({ length: count }, () => token)
      }))
    )
    const text = (weight: Weight | undefined): string =>
      `${weight?.residentBytes.toFixed(0)} bytes RSS and ${weight?.heapBytes.toFixed(0)} of heap`
    options.tell(`idle: ${text(customers.at(-1))} a customer, ${text(dispatchers.at(-1))} a dispatcher`)
  }
  const context = { watchersBefore: scaled(options, watchersBefore), watchersAfter: many, orders: drivers.length }
  return [...weights("customer", customers, context), ...weights("dispatcher", dispatchers, context)]
}
