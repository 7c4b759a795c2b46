import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { startEmbedded } from "../../src/embedded/EmbeddedServices.ts"

// A process for tests to kill: starts the servers of the home in its first argument, prints their pids on one line, and holds them.
const [root, cacheDir] = process.argv.slice(2)

const hold = Effect.gen(function* () {
  const { postgres, redis } = yield* startEmbedded({ root, cacheDir }, { durable: false })
  process.stdout.write(`${postgres.pid} ${redis.pid}\n`)
  return yield* Effect.never
})

NodeRuntime.runMain(Effect.scoped(hold))
