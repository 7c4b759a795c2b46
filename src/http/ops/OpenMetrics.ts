import { Effect } from "effect"
import { PrometheusMetrics } from "effect/observability"

const sampleName = /^([a-zA-Z_:][a-zA-Z0-9_:]*)/

// OpenMetrics 1.0, section 5.1: the family of a counter is named without `_total`, its sample with it.
const line = (counters: Set<string>, text: string): string => {
  const type = /^# TYPE (\S+) counter$/.exec(text)?.[1]
  if (type !== undefined) {
    counters.add(type)
    return `# TYPE ${type.replace(/_total$/, "")} counter`
  }
  const help = /^# HELP (\S+) (.*)$/.exec(text)
  if (help !== null) return `# HELP ${help[1]?.replace(/_total$/, "")} ${help[2]}`
  const name = sampleName.exec(text)?.[1]
  return name !== undefined && counters.has(name) && !name.endsWith("_total")
    ? text.replace(name, `${name}_total`)
    : text
}

/** Rewrites Prometheus' text format as OpenMetrics 1.0. */
export const toOpenMetrics = (prometheus: string): string => {
  const counters = new Set<string>()
  const lines = prometheus.split("\n").filter((text) => text !== "")
  return `${[...lines.map((text) => line(counters, text)), "# EOF"].join("\n")}\n`
}

/** Every metric of this process. */
export const openMetrics: Effect.Effect<string> = Effect.map(PrometheusMetrics.format(), toOpenMetrics)
