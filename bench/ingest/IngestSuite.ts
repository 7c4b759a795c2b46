import { type BenchOptions, scaled } from "../BenchOptions.ts"
import type { BenchStage } from "../BenchStage.ts"
import { type Figure, figure, type Target } from "../Figure.ts"
import { isWanted, type Suite } from "../Suite.ts"
import { type CopyShape, runCopy } from "./CopyRun.ts"
import { type IngestLoad, type IngestResult, ingestLine, runIngest } from "./IngestRun.ts"

/** A closed loop of the product and the bare COPY of the same shape. */
interface Saturation {
  readonly id: string
  readonly what: string
  readonly load: IngestLoad
  readonly copy: CopyShape
  readonly target?: Target
}

/** Rows of a full flush: flushPointsMax. */
const flushRows = 16_000

/** Each lane's flush holds what its half of the sockets have on the way: so long is one driver's run in it. */
const saturations: Readonly<Record<string, Saturation>> = {
  singles: {
    id: "B1",
    what: "1-point frames, 1,000 sockets, window 64, ÷ bare COPY",
    load: {
      contestant: "engine",
      dialect: "messagepack",
      sockets: 1_000,
      framePoints: 1,
      pace: { _tag: "Closed", windowPoints: 64 }
    },
    copy: { drivers: 1_000, rows: flushRows, pointsPerRun: 32, connections: 2 },
    target: { least: 0.55, beyond: 0.65 }
  },
  tens: {
    id: "B2",
    what: "10-point frames, 1,000 sockets, window 60, ÷ bare COPY",
    load: {
      contestant: "engine",
      dialect: "messagepack",
      sockets: 1_000,
      framePoints: 10,
      pace: { _tag: "Closed", windowPoints: 60 }
    },
    copy: { drivers: 1_000, rows: flushRows, pointsPerRun: 30, connections: 2 },
    target: { least: 0.8, beyond: 0.9 }
  },
  twenties: {
    id: "B2/20",
    what: "20-point frames, 2,000 sockets, one frame on the way each, ÷ bare COPY",
    load: {
      contestant: "engine",
      dialect: "messagepack",
      sockets: 2_000,
      framePoints: 20,
      pace: { _tag: "Closed", windowPoints: 20 }
    },
    copy: { drivers: 2_000, rows: flushRows, pointsPerRun: 20, connections: 2 }
  }
}

const contextOf = (options: BenchOptions, load: IngestLoad, results: ReadonlyArray<IngestResult>) => {
  const mean = (read: (result: IngestResult) => number): number =>
    results.reduce((sum, result) => sum + read(result), 0) / results.length
  const cpuS = mean((r) => r.cpuS.server + r.cpuS.load + r.cpuS.postgres + r.cpuS.redis)
  return {
    sockets: scaled(options, load.sockets),
    framePoints: load.framePoints,
    windowPoints: load.pace.windowPoints,
    rowsPerCommit: Math.round(mean((r) => r.rowsPerCommit)),
    cursorsPerCommit: Math.round(mean((r) => r.cursorsPerCommit)),
    serverCpuPct: Math.round((mean((r) => r.cpuS.server) / cpuS) * 100),
    postgresCpuPct: Math.round((mean((r) => r.cpuS.postgres) / cpuS) * 100),
    loadCpuPct: Math.round((mean((r) => r.cpuS.load) / cpuS) * 100)
  }
}

const saturate = async (stage: BenchStage, options: BenchOptions, scenario: Saturation): Promise<ReadonlyArray<Figure>> => {
  const ours: Array<IngestResult> = []
  const copies: Array<number> = []
  for (let run = 0; run < options.runs; run++) {
    const result = await runIngest(stage, options, scenario.load)
    options.tell(ingestLine(scenario.id, result))
    ours.push(result)
    const copy = await runCopy(stage, options, scenario.copy)
    options.tell(`${scenario.id} bare COPY: ${Math.round(copy.pointsPerS)} points/s, ${copy.cpuUsPerPoint.toFixed(2)} us CPU a point`)
    copies.push(copy.pointsPerS)
  }
  const { id, what, copy } = scenario
  const context = contextOf(options, scenario.load, ours)
  const ratios = ours.map((result, i) => result.pointsPerS / (copies[i] as number))
  return [
    figure({ id, what, unit: "ratio", runs: ratios, context, ...(scenario.target === undefined ? {} : { target: scenario.target }) }),
    figure({ id: `${id}.rate`, what: "durable acknowledged points", unit: "points/s", runs: ours.map((r) => r.pointsPerS), context }),
    figure({ id: `${id}.copy`, what: "bare COPY BINARY with the cursor statement", unit: "points/s", runs: copies, context: { ...copy } }),
    figure({
      id: `B14/${scenario.load.framePoints}`,
      what: `CPU a durable point, all processes, as ${id}`,
      unit: "us",
      runs: ours.map((r) => r.cpuUsPerPoint),
      target: { most: 4.5, beyond: 3.5 },
      context
    })
  ]
}

/** Durable ingest and its baselines (promises B1 to B7, B14, B15). */
export const ingestSuite: Suite = {
  what: "durable telemetry against bare COPY and the usual servers",
  scenarios: Object.keys(saturations),
  run: async (open, options) => {
    const stage = await open()
    const figures: Array<Figure> = []
    for (const [name, scenario] of Object.entries(saturations)) {
      if (isWanted(options, name)) figures.push(...(await saturate(stage, options, scenario)))
    }
    return figures
  }
}
