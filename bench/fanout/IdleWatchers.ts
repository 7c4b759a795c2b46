import { Effect, Layer, Redacted } from "effect"
import { AccessTokens } from "../../src/identity/AccessTokens.ts"
import { Secret } from "../../src/identity/Secret.ts"
import { newId } from "../../src/persistence/NewId.ts"
import { type BenchOptions, scaled } from "../BenchOptions.ts"
import type { BenchStage } from "../BenchStage.ts"
import { type Figure, figure } from "../Figure.ts"
import { followProcess } from "../latency/LatencySuite.ts"
import { ordersUnderWay } from "../latency/OrdersUnderWay.ts"

/** Sockets that are open before the first reading (code compiled, pools grown) and at the second. */
const watchersBefore = 1_000
const watchersAfter = 6_000
const orders = 50
const tokenTtlS = 86_400

const dispatcherToken = (secret: string): Promise<string> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const tokens = yield* AccessTokens
      const subject = { userId: yield* newId, sessionId: yield* newId, roles: ["dispatcher" as const] }
      return (yield* tokens.issue(subject, tokenTtlS)).token
    }).pipe(Effect.provide(AccessTokens.layer.pipe(Layer.provide(Secret.layer(Redacted.make(secret))))))
  )

/** RSS a socket of the product, from the difference of two counts. */
const bytesEach = async (
  stage: BenchStage,
  options: BenchOptions,
  plan: (count: number) => {
    readonly trackingTokens: ReadonlyArray<string>
    readonly dispatcherTokens: ReadonlyArray<string>
  }
): Promise<number> => {
  await stage.end("engine")
  const { process, port } = await stage.server("engine", ["--expose-gc"])
  const follow = await followProcess(stage)
  const [few, many] = [scaled(options, watchersBefore), scaled(options, watchersAfter)]
  const residentWith = async (count: number): Promise<number> => {
    await follow.ask("open", { port, followed: [], ...plan(count) })
    return (await process.ask("sample", { collect: true })).residentBytes
  }
  const before = await residentWith(few)
  const after = await residentWith(many)
  await follow.ask("close", null)
  await stage.end("engine")
  return (after - before) / (many - few)
}

/** What a customer and a dispatcher cost who only wait: 50 orders, many watchers each; one view of an empty fleet. */
export const idleFigures = async (stage: BenchStage, options: BenchOptions): Promise<ReadonlyArray<Figure>> => {
  const many = scaled(options, watchersAfter)
  const drivers = await stage.database.driversOf(Math.min(orders, many))
  const links = await ordersUnderWay(stage.plan.databaseUrl, drivers, Math.ceil(many / drivers.length))
  const trackingTokens = links.flatMap((order) => order.trackingTokens)
  const token = await dispatcherToken(stage.plan.secret)
  const customers: Array<number> = []
  const dispatchers: Array<number> = []
  for (let run = 0; run < options.runs; run++) {
    customers.push(
      await bytesEach(stage, options, (count) => ({
        trackingTokens: trackingTokens.slice(0, count),
        dispatcherTokens: []
      }))
    )
    dispatchers.push(
      await bytesEach(stage, options, (count) => ({
        trackingTokens: [],
        dispatcherTokens: Array.from({ length: count }, () => token)
      }))
    )
    options.tell(
      `idle: ${customers.at(-1)?.toFixed(0)} bytes a customer, ${dispatchers.at(-1)?.toFixed(0)} a dispatcher`
    )
  }
  const context = { watchersBefore: scaled(options, watchersBefore), watchersAfter: many, orders: drivers.length }
  return [
    figure({ id: "rss.customer", what: "RSS an idle customer's socket", unit: "bytes", runs: customers, context }),
    figure({ id: "rss.dispatcher", what: "RSS an idle dispatcher's socket", unit: "bytes", runs: dispatchers, context })
  ]
}
