import { type BenchOptions, scaled } from "../BenchOptions.ts"
import type { BenchStage } from "../BenchStage.ts"
import { type Figure, figure, medianOf } from "../Figure.ts"
import { UnsoundRun } from "../ingest/IngestRun.ts"
import type { BenchProcess } from "../process/BenchProcess.ts"
import { cpuSecondsOf, cpuSecondsOfTree } from "../process/CpuUse.ts"
import { isWanted, type Suite } from "../Suite.ts"
import { OrderCast } from "./OrderCast.ts"
import type { OrderOperations, OrderResult, OrderSpan } from "./OrderOperations.ts"
import { ServedProduct } from "./ServedProduct.ts"

const buyersCount = 1_000
const productsCount = 1_000
/** More than the ten connections of the pool, so that none of them waits for the other side. */
const atOnce = 32
/** Of the median saturated rate of the product: busy, and still open. */
const pacedShare = 0.5

type Contestant = "rest" | "sql"

interface Sample extends OrderResult {
  readonly perS: number
  /** CPU of PostgreSQL and of the contestant over the whole run, milliseconds an order. */
  readonly postgresMs: number
  readonly ownMs: number
}

interface Arena {
  readonly stage: BenchStage
  readonly options: BenchOptions
  readonly cast: OrderCast
  readonly product: ServedProduct
  readonly placers: Readonly<Record<Contestant, BenchProcess<OrderOperations>>>
}

const placerOf = (stage: BenchStage, name: string, file: string) =>
  stage.process<OrderOperations>(name, new URL(file, import.meta.url))

const runOrders = async (arena: Arena, contestant: Contestant, span: OrderSpan): Promise<Sample> => {
  const { stage, options, cast, product, placers } = arena
  options.signal.throwIfAborted()
  await cast.reset()
  const ownPid = contestant === "rest" ? product.pid : placers.sql.pid
  const before = [cpuSecondsOfTree(stage.postgresPid), cpuSecondsOf(ownPid)] as const
  const result = await placers[contestant].ask("run", span)
  if (Object.keys(result.surprises).length > 0) throw new UnsoundRun(contestant, result.surprises)
  const [postgresS, ownS] = [cpuSecondsOfTree(stage.postgresPid) - before[0], cpuSecondsOf(ownPid) - before[1]]
  await cast.gate(contestant, result.total)
  const sample = {
    ...result,
    perS: (result.placed / result.measuredMs) * 1_000,
    postgresMs: (postgresS / result.total) * 1_000,
    ownMs: (ownS / result.total) * 1_000
  }
  options.tell(
    `B16 ${contestant}${span.ratePerS === undefined ? "" : ` at ${span.ratePerS.toFixed(0)}/s`}: ${sample.perS.toFixed(0)} orders/s, ` +
      `p50 ${sample.p50.toFixed(1)} ms, p99 ${sample.p99.toFixed(1)} ms, an order: postgres ${sample.postgresMs.toFixed(2)} ms, ` +
      `own ${sample.ownMs.toFixed(2)} ms`
  )
  return sample
}

/** Never so few that orders on their way would wait for each other's rows. */
const castOf = (options: BenchOptions, count: number): number => Math.max(4 * atOnce, scaled(options, count))

const openArena = async (stage: BenchStage, options: BenchOptions): Promise<Arena> => {
  const cast = await OrderCast.make(stage, castOf(options, buyersCount), castOf(options, productsCount))
  const product = await ServedProduct.start(stage.plan, options.profileDir)
  const placers = {
    rest: await placerOf(stage, "orders-rest", "./OrderLoadProcess.ts"),
    sql: await placerOf(stage, "orders-sql", "./BareOrdersProcess.ts")
  }
  const plan = {
    databaseUrl: stage.plan.databaseUrl,
    port: product.port,
    buyers: cast.buyers,
    productIds: cast.productIds,
    atOnce
  }
  await Promise.all(Object.values(placers).map((placer) => placer.ask("open", plan)))
  return { stage, options, cast, product, placers }
}

const closeArena = async ({ stage, cast, product, placers }: Arena): Promise<void> => {
  await Promise.all(Object.values(placers).map((placer) => placer.ask("close", null)))
  await stage.end("orders-rest")
  await stage.end("orders-sql")
  await product.stop()
  await cast.close()
}

const saturatedFigures = (
  samples: Readonly<Record<Contestant, ReadonlyArray<Sample>>>,
  context: Figure["context"]
): ReadonlyArray<Figure> => {
  const { rest, sql } = samples
  const over = (of: (sample: Sample) => number) => rest.map((sample, i) => of(sample) / of(sql[i] as Sample))
  const cpuOf = ({ ownMs, postgresMs }: Sample): number => ownMs + postgresMs
  const term = (id: string, what: string, unit: string, runs: ReadonlyArray<number>): Figure =>
    figure({ id, what, unit, runs, context })
  return [
    figure({
      id: "B16",
      what: "POST /v1/orders a second ÷ the same transaction through bare SQL",
      unit: "ratio",
      runs: over(({ perS }) => perS),
      target: { least: 0.5, beyond: 0.7 },
      context
    }),
    term(
      "B16.cpu",
      "CPU an order, bare SQL with PostgreSQL ÷ ours with PostgreSQL (steadier than the rate)",
      "ratio",
      over(cpuOf).map((ratio) => 1 / ratio)
    ),
    term(
      "B16.rate",
      "orders placed over REST, 32 at once",
      "orders/s",
      rest.map(({ perS }) => perS)
    ),
    term(
      "B16.sql",
      "orders placed by bare SQL, 32 at once",
      "orders/s",
      sql.map(({ perS }) => perS)
    ),
    term(
      "B16.server",
      "CPU of the server an order",
      "ms",
      rest.map(({ ownMs }) => ownMs)
    ),
    term(
      "B16.postgres",
      "CPU of PostgreSQL an order placed over REST",
      "ms",
      rest.map(({ postgresMs }) => postgresMs)
    ),
    term(
      "B16.postgres/sql",
      "CPU of PostgreSQL an order placed by bare SQL",
      "ms",
      sql.map(({ postgresMs }) => postgresMs)
    )
  ]
}

const pacedFigures = async (
  arena: Arena,
  ratePerS: number,
  context: Figure["context"]
): Promise<ReadonlyArray<Figure>> => {
  const { options } = arena
  const samples: Array<Sample> = []
  for (let run = 0; run < options.runs; run++) {
    samples.push(await runOrders(arena, "rest", { warmUpS: options.warmUpS, seconds: options.seconds, ratePerS }))
  }
  const paced = { ...context, ratePerS: Math.round(ratePerS) }
  const what = "POST /v1/orders due by the clock at half the saturated rate, from the intended time to its answer"
  return [
    figure({ id: "B16.p50", what: `${what}, p50`, unit: "ms", runs: samples.map(({ p50 }) => p50), context: paced }),
    figure({ id: "B16.p99", what: `${what}, p99`, unit: "ms", runs: samples.map(({ p99 }) => p99), context: paced })
  ]
}

const measureOrders = async (stage: BenchStage, options: BenchOptions): Promise<ReadonlyArray<Figure>> => {
  const arena = await openArena(stage, options)
  const context = { buyers: arena.cast.buyers.length, products: arena.cast.productIds.length, itemsEach: 2, atOnce }
  try {
    const samples = { rest: [] as Array<Sample>, sql: [] as Array<Sample> }
    const span = { warmUpS: options.warmUpS, seconds: options.seconds }
    for (let run = 0; run < options.runs; run++) {
      const turns = run % 2 === 0 ? (["rest", "sql"] as const) : (["sql", "rest"] as const)
      for (const contestant of turns) samples[contestant].push(await runOrders(arena, contestant, span))
    }
    const figures = isWanted(options, "orders") ? saturatedFigures(samples, context) : []
    if (!isWanted(options, "orders-paced")) return figures
    const ratePerS = medianOf(samples.rest.map(({ perS }) => perS)) * pacedShare
    return [...figures, ...(await pacedFigures(arena, ratePerS, context))]
  } finally {
    await closeArena(arena)
  }
}

/** REST over the same transactions in bare SQL (promise B16). */
export const httpSuite: Suite = {
  what: "orders placed over REST, beside the same transactions through bare SQL (B16)",
  scenarios: ["orders", "orders-paced"],
  run: async (open, options) => measureOrders(await open(), options)
}
