import { Effect, Redacted } from "effect"
import { type Env, envConfig } from "../config/Env.ts"
import { defaultHomeRoot, readInstance } from "../embedded/Home.ts"
import { CommandFailed } from "./CommandFailed.ts"
import { environmentFault } from "./serve/EnvironmentFault.ts"

/** How to reach the parts of one instance. Those of databases hold passwords. */
export interface InstanceUrls {
  /** The schema owner's. */
  readonly DATABASE_URL: string
  readonly REDIS_URL: string
  /** Where jobs are queued. Absent: in the Redis of REDIS_URL. */
  readonly QUEUE_REDIS_URL?: string
  readonly HTTP_URL: string
  /** Absent on a node without the role gateway. */
  readonly REALTIME_URL?: string
}

const names = ["DATABASE_URL", "REDIS_URL", "HTTP_URL"] as const

/** The instance that runs with DROPMATE_HOME; without one what DATABASE_URL and REDIS_URL name; else `CommandFailed`. */
export const instanceUrls: Effect.Effect<InstanceUrls, CommandFailed> = Effect.gen(function* () {
  const env = yield* readEnv
  const root = env.home ?? defaultHomeRoot
  const instance = yield* Effect.try({
    try: () => readInstance({ root }),
    catch: (cause) => new CommandFailed({ message: `${root}/instance.json cannot be read`, cause })
  })
  if (instance !== undefined) return yield* complete(instance.urls, root)
  if (env.databaseUrl === undefined || env.redisUrl === undefined) {
    return yield* new CommandFailed({
      message: `nothing is running with ${root}: start it with "npm run demo" or "npm run dropmate -- serve", or set DATABASE_URL and REDIS_URL`
    })
  }
  return {
    DATABASE_URL: Redacted.value(env.databaseUrl),
    REDIS_URL: Redacted.value(env.redisUrl),
    ...(env.queueRedisUrl === undefined ? {} : { QUEUE_REDIS_URL: Redacted.value(env.queueRedisUrl) }),
    HTTP_URL: `http://${env.host}:${env.httpPort}`,
    REALTIME_URL: `ws://${env.host}:${env.realtimePort}`
  }
})

/** The environment, or the one line that says which variable is wrong. */
export const readEnv: Effect.Effect<Env, CommandFailed> = envConfig.pipe(
  Effect.catch((cause) => Effect.flatMap(environmentFault(cause), Effect.fail))
)

const complete = (
  urls: { readonly [name: string]: string },
  root: string
): Effect.Effect<InstanceUrls, CommandFailed> => {
  const missing = names.filter((name) => urls[name] === undefined)
  if (missing.length > 0) {
    return Effect.fail(new CommandFailed({ message: `${root}/instance.json lacks ${missing.join(", ")}` }))
  }
  const url = (name: (typeof names)[number]): string => urls[name] ?? ""
  return Effect.succeed({
    DATABASE_URL: url("DATABASE_URL"),
    REDIS_URL: url("REDIS_URL"),
    ...(urls.QUEUE_REDIS_URL === undefined ? {} : { QUEUE_REDIS_URL: urls.QUEUE_REDIS_URL }),
    HTTP_URL: url("HTTP_URL"),
    ...(urls.REALTIME_URL === undefined ? {} : { REALTIME_URL: urls.REALTIME_URL })
  })
}

/** Where a client command connects: `--url`, else the running instance's HTTP address. */
export const serverUrl = (given: string | undefined): Effect.Effect<string, CommandFailed> => {
  if (given === undefined) return Effect.map(instanceUrls, (urls) => urls.HTTP_URL)
  const url = URL.parse(given)
  return url !== null && /^https?:$/.test(url.protocol)
    ? Effect.succeed(url.origin)
    : Effect.fail(new CommandFailed({ message: `--url must be like http://127.0.0.1:8080, not ${given}` }))
}

/** The driver's socket at an HTTP address. */
export const driverSocketUrl = (httpUrl: string): string => `${httpUrl.replace(/^http/, "ws")}/v1/driver`
