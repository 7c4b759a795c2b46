import { appendFileSync } from "node:fs"
import type { Machine } from "./Machine.ts"

/** What a figure is to reach: a promise's two bars. `least`: higher is better; `most`: lower is. */
export type Target =
  | { readonly least: number; readonly beyond: number }
  | { readonly most: number; readonly beyond: number }

/** `beyond`, `reached` or `missed` against its target; undefined for a figure without one. */
export type Verdict = "beyond" | "reached" | "missed"

/** One measured figure: the median of its runs. */
export interface Figure {
  /** The promise's number (B1), or a name of its own for a term of one. */
  readonly id: string
  readonly what: string
  readonly unit: string
  readonly value: number
  readonly runs: ReadonlyArray<number>
  readonly target?: Target
  /** Sizes and circumstances that make the figure repeatable. */
  readonly context: Readonly<Record<string, number | string | boolean>>
}

export const medianOf = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}

export const figure = (options: Omit<Figure, "value">): Figure => ({ ...options, value: medianOf(options.runs) })

/** Without its target: measured at another size than the promise's, it can neither keep nor break it. */
export const withoutTarget = ({ target: _, ...item }: Figure): Figure => item

export const verdictOf = ({ value, target }: Figure): Verdict | undefined => {
  if (target === undefined) return undefined
  const holds = (bar: number): boolean => ("least" in target ? value >= bar : value <= bar)
  return holds(target.beyond) ? "beyond" : holds("least" in target ? target.least : target.most) ? "reached" : "missed"
}

/** One JSON object as it is kept: the figure with the machine, the commit and the settings it was measured with. */
export const recordOf = (
  item: Figure,
  suite: string,
  machine: Machine,
  settings: Readonly<Record<string, unknown>>
) => ({
  suite,
  ...item,
  ...(item.target === undefined ? {} : { verdict: verdictOf(item) }),
  settings,
  machine
})

/** Appends records to a file, one JSON object a line. */
export const appendRecords = (file: string, records: ReadonlyArray<unknown>): void =>
  appendFileSync(file, records.map((record) => `${JSON.stringify(record)}\n`).join(""))

const numberText = (value: number): string => {
  if (!Number.isFinite(value)) return String(value)
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString("en-US").replaceAll(",", " ")
  return value.toPrecision(3)
}

const targetText = (target: Target | undefined): string => {
  if (target === undefined) return ""
  const [sign, bar] = "least" in target ? [">=", target.least] : ["<=", target.most]
  return `${sign} ${numberText(bar)} / ${numberText(target.beyond)}`
}

/** The table that a person reads: figure, value, spread, target and verdict. */
export const tableOf = (figures: ReadonlyArray<Figure>): string => {
  const head = ["figure", "what", "median", "unit", "least..most", "reach / beyond", "verdict"]
  const rows = figures.map((item) => [
    item.id,
    item.what,
    numberText(item.value),
    item.unit,
    item.runs.length > 1 ? `${numberText(Math.min(...item.runs))}..${numberText(Math.max(...item.runs))}` : "",
    targetText(item.target),
    verdictOf(item) ?? ""
  ])
  const lines = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)))
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}
