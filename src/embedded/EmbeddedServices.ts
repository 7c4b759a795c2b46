import { Effect, type Scope } from "effect"
import {
  type PostgresDidNotStart,
  type PostgresOptions,
  type RunningPostgres,
  startPostgres
} from "./EmbeddedPostgres.ts"
import { type RedisDidNotStart, type RunningRedis, startRedis } from "./EmbeddedRedis.ts"
import { type ClaimedHome, claimHome, type HomeInUse, type HomeNotUsable, type HomeOptions, openHome } from "./Home.ts"
import type { RedisNotFound } from "./RedisBinary.ts"

export interface EmbeddedServices {
  readonly home: ClaimedHome
  readonly postgres: RunningPostgres
  readonly redis: RunningRedis
}

export type EmbeddedError = HomeInUse | HomeNotUsable | PostgresDidNotStart | RedisDidNotStart | RedisNotFound

/** Claims the home and brings up both servers side by side. They stop, and the claim ends, with the scope. */
export const startEmbedded = (
  homeOptions: HomeOptions = {},
  options: Omit<PostgresOptions, "home"> = {}
): Effect.Effect<EmbeddedServices, EmbeddedError, Scope.Scope> =>
  Effect.gen(function* () {
    const home = yield* claimHome(yield* openHome(homeOptions))
    const durable = options.durable ?? true
    const [postgres, redis] = yield* Effect.all([startPostgres({ home, ...options }), startRedis({ home, durable })], {
      concurrency: 2
    })
    return { home, postgres, redis }
  })
