import { tmpdir } from "node:os"
import { join } from "node:path"
import { ConfigProvider, Effect, Layer, Logger, Redacted } from "effect"
import { EngineLayer } from "../../src/cli/serve/EngineLayer.ts"
import { Env, envConfig } from "../../src/config/Env.ts"
import { RealtimeServer } from "../../src/gateway/RealtimeServer.ts"
import { Secret } from "../../src/identity/Secret.ts"
import { DatabaseUrl } from "../../src/persistence/Database.ts"
import { diskFileStorage } from "../../src/persistence/files/DiskFileStorage.ts"
import { TelemetryWriter } from "../../src/persistence/ingest/TelemetryWriter.ts"
import { QueueRedisUrl } from "../../src/persistence/outbox/QueuePolicy.ts"
import { RedisUrl } from "../../src/persistence/Redis.ts"
import { answer } from "../process/Answering.ts"
import { memorySample, type ServerOperations, type ServerPlan } from "./ServerOperations.ts"

/** The product: the engine's own layers, as `dropmate serve` composes them, on a port of its own. */
let commits = 0
let rows = 0
let cursors = 0

const engine = (plan: ServerPlan, listening: (port: number) => void) =>
  Effect.gen(function* () {
    const env = yield* envConfig.pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: {} }))))
    const base = Layer.mergeAll(
      Layer.succeed(DatabaseUrl, Redacted.make(plan.databaseUrl)),
      Layer.succeed(RedisUrl, Redacted.make(plan.redisUrl)),
      Layer.succeed(QueueRedisUrl, Redacted.make(plan.redisUrl)),
      Layer.succeed(Env, { ...env, realtimePort: 0, nodeName: "bench" }),
      Secret.layer(Redacted.make(plan.secret)),
      // Nothing is uploaded here.
      diskFileStorage(join(tmpdir(), "dropmate-bench-files"))
    )
    return yield* Effect.gen(function* () {
      const writer = yield* TelemetryWriter
      writer.listen({
        committed: (moves) => {
          commits++
          cursors += moves.length
          for (const move of moves) rows += move.lastSeq - move.expectedSeq
        },
        credit: () => {}
      })
      const server = yield* RealtimeServer
      listening(server.port)
      return yield* Effect.never
    }).pipe(Effect.provide(EngineLayer.pipe(Layer.provideMerge(base))))
  }).pipe(Effect.provide(Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)])))

answer({
  listen: (plan) =>
    new Promise((resolve, reject) => {
      const fiber = Effect.runFork(engine(plan, resolve))
      fiber.addObserver((exit) => {
        if (exit._tag === "Failure") reject(new Error(String(exit.cause)))
      })
      process.once("SIGTERM", () => {
        fiber.addObserver(() => process.exit(0))
        fiber.interruptUnsafe()
      })
    }),
  sample: ({ collect }) => ({ commits, rows, cursors, taken: 0, ...memorySample(collect) })
} satisfies ServerOperations)
