import { Layer, Logger, References } from "effect"
import { FetchHttpClient } from "effect/http"
import { Otlp } from "effect/observability"
import type { Env } from "../config/Env.ts"

/** Log lines to stderr in the chosen format and level; traces, metrics and logs to OTLP_URL when it is set. */
export const observability = (env: Env): Layer.Layer<never> =>
  Layer.mergeAll(
    Logger.layer([env.logFormat === "json" ? Logger.withConsoleError(Logger.formatJson) : Logger.withConsoleError(Logger.formatLogFmt)]),
    Layer.succeed(References.MinimumLogLevel, env.logLevel),
    env.otlpUrl === undefined
      ? Layer.empty
      : Otlp.layerJson({ baseUrl: env.otlpUrl, resource: { serviceName: "dropmate", attributes: { node: env.nodeName } } }).pipe(
          Layer.provide(FetchHttpClient.layer)
        )
  )
