/** How long and how often a suite measures, and who watches. */
export interface BenchOptions {
  /** Runs of each contestant; the median counts. */
  readonly runs: number
  /** Seconds that one run measures, after `warmUpS` that are dropped. */
  readonly seconds: number
  readonly warmUpS: number
  /** Scales numbers of sockets and drivers; 1 is what the promises name. Below 1 a figure says nothing about its target. */
  readonly scale: number
  /** Scenarios to run, by name; all of the suite when undefined. */
  readonly only: ReadonlySet<string> | undefined
  /** Folder for CPU profiles of the product's process (.cpuprofile); none when undefined. Profiling costs a few percent. */
  readonly profileDir: string | undefined
  readonly signal: AbortSignal
  readonly tell: (line: string) => void
}

/** What may be asked for on the command line, undecoded. */
export interface BenchRequest {
  readonly runs?: number | undefined
  readonly seconds?: number | undefined
  readonly quick?: boolean | undefined
  readonly scale?: number | undefined
  readonly only?: ReadonlyArray<string> | undefined
  readonly profileDir?: string | undefined
  readonly signal?: AbortSignal | undefined
}

const within = (name: string, value: number, least: number, most: number): number => {
  if (!(value >= least && value <= most)) throw new RangeError(`${name} must be from ${least} to ${most}, not ${value}`)
  return value
}

/** Fills in what was not asked for; throws RangeError for what cannot be. `quick` measures once, shortly: for a look, not a record. */
export const benchOptions = (request: BenchRequest, tell: (line: string) => void): BenchOptions => {
  const isQuick = request.quick === true
  const seconds = within("--seconds", request.seconds ?? (isQuick ? 2 : 5), 0.2, 600)
  return {
    runs: within("--runs", request.runs ?? (isQuick ? 1 : 3), 1, 99),
    seconds,
    warmUpS: Math.min(isQuick ? 1.5 : 3, seconds),
    scale: within("--scale", request.scale ?? 1, 0.001, 1),
    only: request.only === undefined || request.only.length === 0 ? undefined : new Set(request.only),
    profileDir: request.profileDir,
    signal: request.signal ?? new AbortController().signal,
    tell
  }
}

/** A number of sockets or drivers at the scale asked for, at least one. */
export const scaled = (options: BenchOptions, count: number): number => Math.max(1, Math.round(count * options.scale))
