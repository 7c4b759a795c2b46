import { fileURLToPath } from "node:url"
import { type BenchRequest, benchOptions } from "./BenchOptions.ts"
import { BenchStage } from "./BenchStage.ts"
import { appendRecords, type Figure, recordOf, tableOf, withoutTarget } from "./Figure.ts"
import { describeMachine } from "./Machine.ts"
import type { Suite } from "./Suite.ts"

/** Loaded when asked for, so that a suite's own packages cost nobody else. */
const suites: Readonly<Record<string, () => Promise<Suite>>> = {
  ingest: async () => (await import("./ingest/IngestSuite.ts")).ingestSuite,
  decode: async () => (await import("./decode/DecodeSuite.ts")).decodeSuite,
  memory: async () => (await import("./memory/MemorySuite.ts")).memorySuite,
  fanout: async () => (await import("./fanout/FanoutSuite.ts")).fanoutSuite,
  latency: async () => (await import("./latency/LatencySuite.ts")).latencySuite,
  history: async () => (await import("./history/HistorySuite.ts")).historySuite,
  http: async () => (await import("./http/HttpSuite.ts")).httpSuite
}

/** A suite or scenario that does not exist. */
export class UnknownSuite extends Error {
  readonly _tag = "UnknownSuite"
  constructor(what: string, name: string, known: ReadonlyArray<string>) {
    super(`no ${what} is called "${name}"; there are ${known.join(", ")}`)
  }
}

const defaultResultsFile = fileURLToPath(new URL("./results.ndjson", import.meta.url))

/** What `bench` may be told besides what to measure. */
export interface BenchCall extends BenchRequest {
  readonly suites: ReadonlyArray<string>
  readonly json?: boolean
  /** Where records are appended; `bench/results.ndjson` unless given. */
  readonly resultsFile?: string
  readonly print?: (text: string) => void
}

/**
 * Measures the suites named (all when none is), appends one record a figure to the results and prints a table, or with
 * `json` the records. Progress goes to stderr. Rejects with UnknownSuite, RangeError (an option), GateFailed or UnsoundRun;
 * what was measured before is kept.
 */
export const bench = async (call: BenchCall): Promise<void> => {
  const options = benchOptions(call, (line) => process.stderr.write(`bench: ${line}\n`))
  const print = call.print ?? ((text) => process.stdout.write(`${text}\n`))
  const chosen = await choose(call)
  const machine = describeMachine()
  let opening: Promise<BenchStage> | undefined
  const stage = (): Promise<BenchStage> => {
    opening ??= BenchStage.open(options.profileDir)
    return opening
  }
  const settings = { runs: options.runs, seconds: options.seconds, warmUpS: options.warmUpS, scale: options.scale }
  const figures: Array<Figure> = []
  try {
    for (const [name, suite] of chosen) {
      const all = await suite.run(stage, options)
      const measured = options.scale < 1 ? all.map(withoutTarget) : all
      const postgres = opening === undefined ? {} : { postgres: await (await opening).database.settings() }
      const records = measured.map((item) => recordOf(item, name, machine, { ...settings, ...postgres }))
      appendRecords(call.resultsFile ?? defaultResultsFile, records)
      if (call.json === true) for (const record of records) print(JSON.stringify(record))
      figures.push(...measured)
    }
  } finally {
    await (await opening)?.close()
  }
  if (call.json !== true) print(tableOf(figures))
}

const choose = async (call: BenchCall): Promise<ReadonlyArray<readonly [string, Suite]>> => {
  const names = call.suites.length === 0 ? Object.keys(suites) : [...new Set(call.suites)]
  const chosen: Array<readonly [string, Suite]> = []
  for (const name of names) {
    const load = Object.hasOwn(suites, name) ? suites[name] : undefined
    if (load === undefined) throw new UnknownSuite("suite", name, Object.keys(suites))
    chosen.push([name, await load()])
  }
  const scenarios = chosen.flatMap(([, suite]) => suite.scenarios)
  for (const name of call.only ?? []) if (!scenarios.includes(name)) throw new UnknownSuite("scenario", name, scenarios)
  return chosen
}
