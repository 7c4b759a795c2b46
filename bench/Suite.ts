import type { BenchOptions } from "./BenchOptions.ts"
import type { BenchStage } from "./BenchStage.ts"
import type { Figure } from "./Figure.ts"

/** One group of figures, by the name that the command line knows. */
export interface Suite {
  readonly what: string
  /** Names for `--only`. */
  readonly scenarios: ReadonlyArray<string>
  /** `stage` starts the servers when it is first called: a suite that needs none does not wait for them. */
  readonly run: (stage: () => Promise<BenchStage>, options: BenchOptions) => Promise<ReadonlyArray<Figure>>
}

/** Whether a scenario was asked for. */
export const isWanted = (options: BenchOptions, scenario: string): boolean =>
  options.only === undefined || options.only.has(scenario)
