import type { SimulationReport } from "./Simulation.ts"

const text = (value: unknown): string => {
  if (value === null) return "-"
  if (typeof value !== "object") return String(value)
  const parts = Object.entries(value).map(([name, count]) => `${name} ${String(count)}`)
  return parts.length === 0 ? "none" : parts.join(", ")
}

/** A report for people: a line for each figure, then each violation with whom it concerns. */
export const reportTable = ({ violations, ...figures }: SimulationReport): string => {
  const rows = Object.entries(figures).map(([name, value]) => [name.replaceAll("_", " "), text(value)] as const)
  const width = Math.max(...rows.map(([name]) => name.length))
  const broken = violations.flatMap(({ invariant, count, ids, seen }) => [
    `  ${invariant}: ${count} times`,
    `    ${seen}`,
    `    ${ids.join(" ")}`
  ])
  return [
    ...rows.map(([name, value]) => `${name.padEnd(width)}   ${value}`),
    violations.length === 0 ? "no violation" : "violations",
    ...broken
  ].join("\n")
}
