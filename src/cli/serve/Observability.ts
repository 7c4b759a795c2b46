import { Cause, Layer, Logger, References } from "effect"
import { FetchHttpClient } from "effect/http"
import { Otlp } from "effect/observability"
import type { Env } from "../../config/Env.ts"

/** Log lines to stderr in the chosen format and level; traces, metrics and logs to OTLP_URL when it is set. */
export const observability = (env: Env): Layer.Layer<never> =>
  Layer.mergeAll(
    Logger.layer([Logger.withConsoleError(env.logFormat === "json" ? Logger.formatJson : readableLines)]),
    Layer.succeed(References.MinimumLogLevel, env.logLevel),
    env.otlpUrl === undefined
      ? Layer.empty
      : Otlp.layerJson({
          baseUrl: env.otlpUrl,
          resource: { serviceName: "dropmate", attributes: { node: env.nodeName } }
        }).pipe(Layer.provide(FetchHttpClient.layer))
  )

/** `05:50:44.927 WARN  ingest_retrying sqlState=57P01 message="terminating connection"`: a time, a code, what it concerns. */
const readableLines: Logger.Logger<unknown, string> = Logger.make(({ date, logLevel, message, cause }) => {
  const parts = (Array.isArray(message) ? message : [message]).map(readable)
  const reasons = cause.reasons.length === 0 ? [] : [Cause.pretty(cause)]
  return [date.toISOString().slice(11, 23), logLevel.toUpperCase().padEnd(5), ...parts, ...reasons].join(" ")
})

const readable = (part: unknown): string => {
  if (typeof part === "string") return part
  if (part instanceof Error) return part.message
  if (typeof part !== "object" || part === null) return String(part)
  return Object.entries(part)
    .map(([name, value]) => `${name}=${typeof value === "string" ? quoted(value) : JSON.stringify(value)}`)
    .join(" ")
}

const quoted = (text: string): string => (/^[^\s"=]+$/.test(text) ? text : JSON.stringify(text))
