import { type BenchOptions, scaled } from "../BenchOptions.ts"
import type { BenchStage } from "../BenchStage.ts"
import { type Figure, figure } from "../Figure.ts"
import { isWanted, type Suite } from "../Suite.ts"
import { paced, type Rivalry, rivalries, type Saturation, saturations, sparseLoad } from "./Contests.ts"
import { runCopy } from "./CopyRun.ts"
import { type CpuShare, type IngestLoad, type IngestResult, ingestLine, runIngest } from "./IngestRun.ts"

const mean = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** Sizes and circumstances of some runs of one load. */
const contextOf = (options: BenchOptions, load: IngestLoad, results: ReadonlyArray<IngestResult>) => {
  const share = (of: keyof CpuShare): number => {
    const all = results.map(({ cpuS }) => cpuS[of] / (cpuS.server + cpuS.load + cpuS.postgres + cpuS.redis))
    return Math.round(mean(all) * 100)
  }
  return {
    sockets: scaled(options, load.sockets),
    framePoints: load.framePoints,
    windowPoints: load.pace.windowPoints,
    ...(load.pace._tag === "Paced" ? { pacedPointsPerS: load.pace.pointsPerS } : {}),
    pointsPerS: Math.round(mean(results.map((r) => r.pointsPerS))),
    rowsPerCommit: Math.round(mean(results.map((r) => r.rowsPerCommit))),
    cursorsPerCommit: Math.round(mean(results.map((r) => r.cursorsPerCommit))),
    serverCpuPct: share("server"),
    postgresCpuPct: share("postgres"),
    redisCpuPct: share("redis"),
    loadCpuPct: share("load")
  }
}

/** Runs two contestants in turn, the first one changing from run to run: a machine that slows down slows both. */
const inTurn = async <A, B>(runs: number, first: () => Promise<A>, second: () => Promise<B>) => {
  const pairs: Array<readonly [A, B]> = []
  for (let run = 0; run < runs; run++) {
    if (run % 2 === 0) pairs.push([await first(), await second()])
    else {
      const b = await second()
      pairs.push([await first(), b])
    }
  }
  return pairs
}

const measured = async (
  stage: BenchStage,
  options: BenchOptions,
  name: string,
  load: IngestLoad
): Promise<IngestResult> => {
  const result = await runIngest(stage, options, load)
  options.tell(ingestLine(name, result))
  return result
}

const saturate = async (
  stage: BenchStage,
  options: BenchOptions,
  scenario: Saturation
): Promise<ReadonlyArray<Figure>> => {
  const { id, what, load, copy, target } = scenario
  const pairs = await inTurn(
    options.runs,
    () => measured(stage, options, id, load),
    async () => {
      const result = await runCopy(stage, options, copy)
      options.tell(
        `${id} bare COPY: ${Math.round(result.pointsPerS)} points/s, ${result.cpuUsPerPoint.toFixed(2)} us CPU a point`
      )
      return result
    }
  )
  const ours = pairs.map(([result]) => result)
  const context = contextOf(options, load, ours)
  const ratios = pairs.map(([result, bare]) => result.pointsPerS / bare.pointsPerS)
  const cpu = pairs.map(([result]) => result.cpuUsPerPoint)
  const copyCpu = pairs.map(([, bare]) => bare.cpuUsPerPoint)
  const copyContext = { ...copy, drivers: scaled(options, copy.drivers) }
  return [
    figure({ id, what, unit: "ratio", runs: ratios, context, ...(target === undefined ? {} : { target }) }),
    figure({
      id: `${id}.rate`,
      what: "durable acknowledged points",
      unit: "points/s",
      runs: ours.map((r) => r.pointsPerS),
      context
    }),
    figure({
      id: `${id}.copy`,
      what: "bare COPY BINARY with the cursor statement",
      unit: "points/s",
      runs: pairs.map(([, bare]) => bare.pointsPerS),
      context: copyContext
    }),
    figure({
      id: `B14 as ${id}`,
      what: "CPU a durable point, all processes, load included",
      unit: "us",
      runs: cpu,
      target: { most: 4.5, beyond: 3.5 },
      context
    }),
    figure({
      id: `${id}.copy.cpu`,
      what: "CPU a point of the bare COPY",
      unit: "us",
      runs: copyCpu,
      context: copyContext
    }),
    figure({
      id: `${id}.cpu ratio`,
      what: "CPU a point, bare COPY ÷ ours (steadier than the rate on a shared machine)",
      unit: "ratio",
      runs: cpu.map((us, i) => (copyCpu[i] as number) / us),
      context
    })
  ]
}

const rival = async (stage: BenchStage, options: BenchOptions, contest: Rivalry): Promise<ReadonlyArray<Figure>> => {
  const { load } = saturations.singles as Saturation
  const pairs = await inTurn(
    options.runs,
    () => measured(stage, options, contest.id, load),
    () => measured(stage, options, contest.rival.contestant, contest.rival)
  )
  await stage.end(contest.rival.contestant)
  const ratios = pairs.map(([ours, theirs]) => ours.pointsPerS / theirs.pointsPerS)
  const theirs = pairs.map(([, result]) => result)
  return [
    figure({
      id: contest.id,
      what: contest.what,
      unit: "ratio",
      runs: ratios,
      context: contextOf(
        options,
        load,
        pairs.map(([ours]) => ours)
      ),
      ...(contest.target === undefined ? {} : { target: contest.target })
    }),
    figure({
      id: `${contest.id}.rival`,
      what: `points of ${contest.rival.contestant}`,
      unit: "points/s",
      runs: theirs.map((r) => r.pointsPerS),
      context: contextOf(options, contest.rival, theirs)
    })
  ]
}

const sparse = async (stage: BenchStage, options: BenchOptions): Promise<ReadonlyArray<Figure>> => {
  const { load } = saturations.singles as Saturation
  const pairs = await inTurn(
    options.runs,
    () => measured(stage, options, "B7 sparse", sparseLoad),
    () => measured(stage, options, "B7 dense", load)
  )
  return [
    figure({
      id: "B7",
      what: "5,000 sockets, one point and one ack in flight, ÷ B1's rate",
      unit: "ratio",
      runs: pairs.map(([thin, dense]) => thin.pointsPerS / dense.pointsPerS),
      target: { least: 0.1, beyond: 0.25 },
      context: contextOf(
        options,
        sparseLoad,
        pairs.map(([thin]) => thin)
      )
    })
  ]
}

const steadyPointsPerS = 25_000

const steady = async (stage: BenchStage, options: BenchOptions): Promise<ReadonlyArray<Figure>> => {
  const load = paced(5_000, 1, steadyPointsPerS * options.scale)
  const results: Array<IngestResult> = []
  for (let run = 0; run < options.runs; run++) results.push(await measured(stage, options, "B5", load))
  const context = contextOf(options, load, results)
  const what = "5,000 sockets, 25,000 single points/s, from the intended send time"
  return [
    figure({
      id: "B5",
      what: `ack p99, ${what}`,
      unit: "ms",
      runs: results.map((r) => r.p99Ms),
      target: { most: 45, beyond: 20 },
      context
    }),
    figure({ id: "B5.p50", what: `ack p50, ${what}`, unit: "ms", runs: results.map((r) => r.p50Ms), context })
  ]
}

/** Rates that B6 tries, from the bottom; and what counts as having held one. */
const ladderPointsPerS = [100_000, 150_000, 200_000, 250_000, 300_000, 350_000, 400_000]
const ladderP99Ms = 100
const ladderShareMin = 0.97

/** The highest rate of the ladder, taken step by step, whose acks keep below the bar while all that is due is taken. */
const climb = async (stage: BenchStage, options: BenchOptions): Promise<number> => {
  let held = 0
  for (const rate of ladderPointsPerS) {
    const pointsPerS = rate * options.scale
    const result = await measured(stage, options, `B6 at ${rate}`, paced(5_000, 10, pointsPerS))
    if (!(result.p99Ms <= ladderP99Ms) || result.pointsPerS < pointsPerS * ladderShareMin) break
    held = pointsPerS
  }
  return held
}

const ladder = async (stage: BenchStage, options: BenchOptions): Promise<ReadonlyArray<Figure>> => {
  const rates: Array<number> = []
  for (let run = 0; run < options.runs; run++) rates.push(await climb(stage, options))
  return [
    figure({
      id: "B6",
      what: "5,000 sockets, 10-point frames: highest paced rate with ack p99 <= 100 ms",
      unit: "points/s",
      runs: rates,
      target: { least: 200_000, beyond: 300_000 },
      context: { sockets: scaled(options, 5_000), framePoints: 10, steps: ladderPointsPerS.join(" ") }
    })
  ]
}

/** Paced and not saturated, so that only the number of drivers differs and not the depth of the queues. */
const scalePointsPerS = 60_000

const drivers = async (stage: BenchStage, options: BenchOptions): Promise<ReadonlyArray<Figure>> => {
  const many = paced(10_000, 10, scalePointsPerS * options.scale)
  const few = paced(1_000, 10, scalePointsPerS * options.scale)
  const pairs = await inTurn(
    options.runs,
    () => measured(stage, options, "B15 10,000 drivers", many),
    () => measured(stage, options, "B15 1,000 drivers", few)
  )
  return [
    figure({
      id: "B15",
      what: "CPU a point, 10,000 drivers ÷ 1,000, 10-point frames paced at 60,000 points/s",
      unit: "ratio",
      runs: pairs.map(([a, b]) => a.cpuUsPerPoint / b.cpuUsPerPoint),
      target: { most: 1.3, beyond: 1.1 },
      context: contextOf(
        options,
        many,
        pairs.map(([a]) => a)
      )
    })
  ]
}

/** A new cluster has to make its first WAL segments and grow its first files, which would be charged to whoever comes first. */
const runIn = async (stage: BenchStage, options: BenchOptions): Promise<void> => {
  options.tell("running the new cluster in")
  const copy = { drivers: 1_000, rows: 16_000, pointsPerRun: 64, connections: 2 }
  await runCopy(stage, options, copy)
  await runIngest(stage, options, (saturations.singles as Saturation).load)
}

type Scenario = (stage: BenchStage, options: BenchOptions) => Promise<ReadonlyArray<Figure>>

const scenarios: Readonly<Record<string, Scenario>> = {
  ...Object.fromEntries(
    Object.entries(saturations).map(([name, contest]): [string, Scenario] => [name, (s, o) => saturate(s, o, contest)])
  ),
  ...Object.fromEntries(
    Object.entries(rivalries).map(([name, contest]): [string, Scenario] => [name, (s, o) => rival(s, o, contest)])
  ),
  sparse,
  steady,
  ladder,
  drivers
}

/** Durable ingest and its baselines (promises B1 to B7, B14, B15). */
export const ingestSuite: Suite = {
  what: "durable telemetry against bare COPY and the usual servers (B1-B7, B14, B15)",
  scenarios: Object.keys(scenarios),
  run: async (open, options) => {
    const stage = await open()
    await runIn(stage, options)
    const figures: Array<Figure> = []
    for (const [name, scenario] of Object.entries(scenarios)) {
      if (isWanted(options, name)) figures.push(...(await scenario(stage, options)))
    }
    return figures
  }
}
