import { Effect, type Redacted, Redacted as RedactedModule, Schema, type Scope } from "effect"
import type { Env } from "../../config/Env.ts"
import { startPostgres } from "../../embedded/EmbeddedPostgres.ts"
import { startRedis } from "../../embedded/EmbeddedRedis.ts"
import { type ClaimedHome, claimHome, openHome, secret } from "../../embedded/Home.ts"

/** DATABASE_URL names a database that other nodes may share, so the secret must be shared too and cannot be made up here. */
export class SecretRequired extends Schema.TaggedError<SecretRequired>()("SecretRequired", {}) {
  override get message(): string {
    return "DROPMATE_SECRET must be set when DATABASE_URL is: it signs tokens, and every node needs the same one"
  }
}

/** What a server stands on. */
export interface Infrastructure {
  readonly home: ClaimedHome
  /** The owner's; over a unix socket when embedded. */
  readonly databaseUrl: Redacted.Redacted
  readonly redisUrl: Redacted.Redacted
  /** The same as `redisUrl` unless the environment says otherwise. */
  readonly queueRedisUrl: Redacted.Redacted
  /** The same database for tools such as psql. */
  readonly databaseUrlForTools: string
  readonly secret: Redacted.Redacted
}

/** Starts what the environment does not bring along. Ends with the scope; data stays. */
export const startInfrastructure = (env: Env) =>
  Effect.gen(function* () {
    const home = yield* claimHome(yield* openHome({ root: env.home, cacheDir: env.cacheDir }))
    const secretValue = env.secret ?? (yield* generatedSecret(env, home))
    const [postgres, redis] = yield* Effect.all(
      [
        env.databaseUrl === undefined ? startPostgres({ home }) : Effect.succeed(undefined),
        env.redisUrl === undefined ? startRedis({ home }) : Effect.succeed(undefined)
      ],
      { concurrency: 2 }
    )
    const redisUrl = env.redisUrl ?? RedactedModule.make(redis?.url ?? "")
    return {
      home,
      databaseUrl: env.databaseUrl ?? RedactedModule.make(postgres?.socketUrl ?? ""),
      databaseUrlForTools:
        env.databaseUrl === undefined ? (postgres?.tcpUrl ?? "") : RedactedModule.value(env.databaseUrl),
      redisUrl,
      queueRedisUrl: env.queueRedisUrl ?? redisUrl,
      secret: secretValue
    } satisfies Infrastructure
  })

const generatedSecret = (env: Env, home: ClaimedHome) =>
  env.databaseUrl === undefined
    ? Effect.map(secret(home, "signing"), RedactedModule.make)
    : Effect.fail(new SecretRequired())

export type InfrastructureError = Effect.Error<ReturnType<typeof startInfrastructure>>
export type InfrastructureScope = Scope.Scope
