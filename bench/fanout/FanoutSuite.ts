import type { BenchOptions } from "../BenchOptions.ts"
import type { BenchStage } from "../BenchStage.ts"
import { type Figure, figure, type Target } from "../Figure.ts"
import { isWanted, type Suite } from "../Suite.ts"
import type { Carrier } from "./FanoutOperations.ts"
import { type FanoutResult, type FanoutShape, fanoutLine, runFanout } from "./FanoutRun.ts"
import { idleFigures } from "./IdleWatchers.ts"
import { natsCommand } from "./NatsServer.ts"
import { eagerRound, fleetShape, mapShape, productRound, rivalNames, topicsShape } from "./Shapes.ts"

type Rival = Exclude<Carrier, "hub">
type Results = ReadonlyMap<Carrier, ReadonlyArray<FanoutResult>>

/** NATS takes part where the machine has it: the bench installs nothing. */
const everyRival: ReadonlyArray<Rival> =
  natsCommand() === undefined ? ["publish", "rooms", "redis"] : ["publish", "rooms", "redis", "nats"]

/** One shape for several contestants, in turns; the order is reversed from run to run. */
const contest = async (
  stage: BenchStage,
  options: BenchOptions,
  name: string,
  shape: FanoutShape,
  rivals: ReadonlyArray<Rival>
): Promise<Results> => {
  const results = new Map<Carrier, Array<FanoutResult>>()
  for (let run = 0; run < options.runs; run++) {
    const order: Array<Carrier> = ["hub", ...rivals]
    for (const carrier of run % 2 === 0 ? order : order.reverse()) {
      const result = await runFanout(stage, options, carrier, shape)
      options.tell(fanoutLine(`${name} ${carrier}`, result))
      results.set(carrier, [...(results.get(carrier) ?? []), result])
    }
  }
  return results
}

const mean = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0) / values.length
const rounded = (value: number): number => Number(value.toPrecision(3))

const contextOf = (shape: FanoutShape, results: ReadonlyArray<FanoutResult>): Figure["context"] => ({
  watchers: shape.watches.length,
  subjects: shape.source.groups * shape.source.groupSize,
  watchersPerSubject: shape.source.watchersPerGroup,
  ...(shape.pace._tag === "Paced" ? { subjectMovesPerS: shape.pace.groupMovesPerS * shape.source.groupSize } : {}),
  deliveriesPerS: Math.round(mean(results.map((r) => r.deliveriesPerS))),
  framesPerS: Math.round(mean(results.map((r) => r.framesPerS))),
  bytesPerDelivery: rounded(mean(results.map((r) => r.bytesPerDelivery))),
  serverCpuUsPerDelivery: rounded(mean(results.map((r) => r.serverUs))),
  serverCpuPct: Math.round(mean(results.map((r) => r.serverCpuPct))),
  watchersCpuPct: Math.round(mean(results.map((r) => r.watchersCpuPct))),
  p50Ms: rounded(mean(results.map((r) => r.p50Ms))),
  p99Ms: rounded(mean(results.map((r) => r.p99Ms)))
})

/** Rate and CPU of ours against each rival; CPU moves less than the rate on a machine that others use. */
const ratios = (
  id: string,
  what: string,
  shape: FanoutShape,
  results: Results,
  targets: Partial<Record<Rival, Target>>
): ReadonlyArray<Figure> => {
  const ours = results.get("hub") ?? []
  const rates = [...results].map(([carrier, runs]) =>
    figure({
      id: `${id}.rate ${carrier}`,
      what: `${what}: deliveries, ${carrier === "hub" ? "ours" : rivalNames[carrier]}`,
      unit: "1/s",
      runs: runs.map((r) => r.deliveriesPerS),
      context: contextOf(shape, runs)
    })
  )
  const against = everyRival.flatMap((rival) => {
    const theirs = results.get(rival)
    if (theirs === undefined) return []
    const context = contextOf(shape, ours)
    const target = targets[rival]
    const isPaced = shape.pace._tag === "Paced"
    return [
      ...(isPaced
        ? []
        : [
            figure({
              id: rival === "publish" ? id : `${id}/${rival}`,
              what: `${what}: deliveries/s, ours ÷ ${rivalNames[rival]}`,
              unit: "ratio",
              runs: ours.map((r, i) => r.deliveriesPerS / (theirs[i] as FanoutResult).deliveriesPerS),
              context,
              ...(target === undefined ? {} : { target })
            })
          ]),
      figure({
        id: `${id}.cpu/${rival}`,
        what: `${what}: server CPU a delivery, ${rivalNames[rival]} ÷ ours`,
        unit: "ratio",
        runs: ours.map((r, i) => (theirs[i] as FanoutResult).serverUs / r.serverUs),
        context
      })
    ]
  })
  return [...against, ...rates]
}

/** Latencies of every contestant in one paced shape. */
const latencies = (id: string, what: string, shape: FanoutShape, results: Results): ReadonlyArray<Figure> =>
  [...results].map(([carrier, runs]) =>
    figure({
      id: `${id}.p99 ${carrier}`,
      what: `${what}: move due to frame read, p99, ${carrier === "hub" ? "ours" : rivalNames[carrier]}`,
      unit: "ms",
      runs: runs.map((r) => r.p99Ms),
      context: contextOf(shape, runs)
    })
  )

const fleetSecondsMin = 3

type Scenario = (stage: BenchStage, options: BenchOptions) => Promise<ReadonlyArray<Figure>>

const saturated: Scenario = async (stage, options) => {
  const shape = topicsShape(options, 1_000, 10, undefined)
  const what = "one frame a delivery, 10 watchers a topic"
  return ratios("B8", what, shape, await contest(stage, options, "B8", shape, everyRival), {
    publish: { least: 0.95, beyond: 1.1 }
  })
}

const paced =
  (hz: number): Scenario =>
  async (stage, options) => {
    const shape = topicsShape(options, 1_000, 10, hz)
    const id = `topics ${hz} Hz`
    const results = await contest(stage, options, id, shape, everyRival)
    const what = `10 watchers a topic at ${hz} Hz`
    return [...ratios(id, what, shape, results, {}), ...latencies(id, what, shape, results)]
  }

const crowd: Scenario = async (stage, options) => {
  const shape = topicsShape(options, 1, 10_000, undefined)
  const results = await contest(stage, options, "one topic", shape, everyRival)
  return ratios("one topic", "one topic with all watchers", shape, results, {})
}

const map: Scenario = async (stage, options) => {
  const shape = mapShape(options, eagerRound, undefined, false)
  const results = await contest(stage, options, "B9", shape, everyRival)
  const own = mapShape(options, eagerRound, undefined, true)
  const ownResults = await contest(stage, options, "B9.own", own, ["publish"])
  return [
    ...ratios("B9", "live map, viewers x 100 drivers, shared views", shape, results, {
      publish: { least: 15, beyond: 25 },
      rooms: { least: 30, beyond: 50 },
      nats: { least: 2.5, beyond: 3.5 }
    }),
    ...ratios("B9.own", "live map, no two viewers share a view", own, ownResults, {})
  ]
}

const pacedMap: Scenario = async (stage, options) => {
  const eager = mapShape(options, eagerRound, 5, false)
  const eagerRuns = (await contest(stage, options, "B10", eager, [])).get("hub") ?? []
  const product = mapShape(options, productRound, 5, false)
  const productRuns = (await contest(stage, options, "B10.product", product, [])).get("hub") ?? []
  const context = contextOf(product, productRuns)
  return [
    figure({
      id: "B10",
      what: "live map at 5 Hz, rounds of 5 ms: move due to frame read, p99",
      unit: "ms",
      runs: eagerRuns.map((r) => r.p99Ms),
      target: { most: 10, beyond: 6 },
      context: contextOf(eager, eagerRuns)
    }),
    figure({
      id: "B10.product",
      what: "the same with rounds of 200 ms, the least a dispatcher gets: the wait for the round included",
      unit: "ms",
      runs: productRuns.map((r) => r.p99Ms),
      context
    }),
    figure({
      id: "B10.round",
      what: "the same from when the round was made (clock of 1 ms)",
      unit: "ms",
      runs: productRuns.map((r) => r.roundP99Ms),
      context
    })
  ]
}

const fleet: Scenario = async (stage, options) => {
  const shape = fleetShape(options)
  // Rounds are a second apart: less than a few of them say nothing.
  const longer = { ...options, seconds: Math.max(options.seconds, fleetSecondsMin) }
  const results = await contest(stage, longer, "fleet", shape, ["publish"])
  const ours = results.get("hub") ?? []
  return [
    figure({
      id: "fleet.bytes",
      what: "all drivers to 20 dispatchers at 1 Hz: payload bytes a delivery",
      unit: "bytes",
      runs: ours.map((r) => r.bytesPerDelivery),
      context: contextOf(shape, ours)
    }),
    figure({
      id: "fleet.cpu",
      what: "the same: CPU of the server",
      unit: "% of a core",
      runs: ours.map((r) => r.serverCpuPct),
      context: contextOf(shape, ours)
    }),
    ...ratios("fleet", "all drivers to 20 dispatchers", shape, results, {})
  ]
}

const scenarios: Readonly<Record<string, Scenario>> = {
  topics: saturated,
  "topics-1hz": paced(1),
  "topics-5hz": paced(5),
  crowd,
  map,
  "map-paced": pacedMap,
  fleet,
  idle: idleFigures
}

/** Positions to their watchers (promises B8, B9, B10), and what one who waits costs. */
export const fanoutSuite: Suite = {
  what: "deliveries to watchers against uWebSockets, Socket.IO, Redis and NATS, and memory of idle watchers (B8-B10)",
  scenarios: Object.keys(scenarios),
  run: async (open, options) => {
    const stage = await open()
    if (natsCommand() === undefined) options.tell("NATS: not measured, no nats-server on PATH")
    const figures: Array<Figure> = []
    for (const [name, scenario] of Object.entries(scenarios)) {
      if (isWanted(options, name)) figures.push(...(await scenario(stage, options)))
    }
    return figures
  }
}
