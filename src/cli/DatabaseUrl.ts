import { Effect, Redacted, type Scope } from "effect"
import { startEmbedded } from "../embedded/EmbeddedServices.ts"
import { defaultHomeRoot, readInstance } from "../embedded/Home.ts"
import { type CommandFailed, commandFailed } from "./CommandFailed.ts"
import { readEnv } from "./InstanceUrls.ts"

/**
 * The owner's database for a command that works on it once: DATABASE_URL, else that of the running instance, else the embedded
 * PostgreSQL, started for as long as the scope is open.
 */
export const databaseUrl: Effect.Effect<Redacted.Redacted, CommandFailed, Scope.Scope> = Effect.gen(function* () {
  const env = yield* readEnv
  if (env.databaseUrl !== undefined) return env.databaseUrl
  const running = readInstance({ root: env.home ?? defaultHomeRoot })?.urls.DATABASE_URL
  if (running !== undefined) return Redacted.make(running)
  const { postgres } = yield* startEmbedded({ root: env.home, cacheDir: env.cacheDir }).pipe(
    Effect.mapError(commandFailed)
  )
  return Redacted.make(postgres.tcpUrl)
})
