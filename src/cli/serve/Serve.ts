import { Console, Effect, Layer, Option, Redacted, Schedule } from "effect"
import { ClusterPlace } from "../../actors/shipments/ShipmentCluster.ts"
import { Env } from "../../config/Env.ts"
import { brokenRelations } from "../../config/LimitRelations.ts"
import { Limits } from "../../config/Limits.ts"
import { publishInstance } from "../../embedded/Home.ts"
import { HttpPort } from "../../gateway/HttpPort.ts"
import { RealtimeServer } from "../../gateway/RealtimeServer.ts"
import { Passwords } from "../../identity/Passwords.ts"
import { Secret } from "../../identity/Secret.ts"
import { DatabaseUrl } from "../../persistence/Database.ts"
import type { BucketPlace } from "../../persistence/files/Bucket.ts"
import { bucketFileStorage } from "../../persistence/files/BucketFileStorage.ts"
import { diskFileStorage } from "../../persistence/files/DiskFileStorage.ts"
import { migrate } from "../../persistence/Migrations.ts"
import { QueueRedisUrl, requireKeepingQueue } from "../../persistence/outbox/QueuePolicy.ts"
import { RedisUrl } from "../../persistence/Redis.ts"
import { seed } from "../../persistence/Seed.ts"
import { bucketOf } from "../BucketOf.ts"
import { CommandFailed, commandFailed } from "../CommandFailed.ts"
import { readEnv } from "../InstanceUrls.ts"
import { otherSchema, refusedDatabase } from "../OtherSchema.ts"
import { buildEngine } from "./EngineScope.ts"
import { type Infrastructure, startInfrastructure } from "./Infrastructure.ts"
import { nodeLayer } from "./NodeLayer.ts"
import { observability } from "./Observability.ts"
import { placeOf, type ServerRole, ServerRoles } from "./ServerRoles.ts"
import { shiftedClock } from "./ShiftedClock.ts"
import { builtWeb } from "./WebBuild.ts"

/**
 * `dropmate serve`: brings up what the environment does not bring along, migrates, makes the baseline on an empty database, and
 * serves until it is interrupted; then drains (see RealtimeServer) and stops what it started. Data stays.
 */
export const serve = Effect.gen(function* () {
  const env = yield* readEnv
  return yield* Effect.gen(function* () {
    const broken = brokenRelations(yield* Limits)
    if (broken.length > 0)
      return yield* new CommandFailed({ message: `limits contradict each other: ${broken.join("; ")}` })
    const roles = yield* ServerRoles
    const place = yield* bucketOf(env)
    const prepared = Effect.gen(function* () {
      const started = yield* startInfrastructure(env)
      yield* requireKeepingQueue(started.queueRedisUrl)
      yield* prepareDatabase(started, env)
      return started
    })
    const pages = roles.has("api") ? builtWeb : Effect.succeed("")
    const [infrastructure, webFolder] = yield* Effect.all([prepared, pages], { concurrency: 2 })
    return yield* run(infrastructure, env, place, webFolder, roles)
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.merge(observability(env), shiftedClock(env.clockOffsetMs))),
    Effect.mapError(commandFailed)
  )
})

/** A server and its database often start together, and one that recovers answers late: wait for it, and say so. */
const whenReachable = <A, E extends { readonly _tag: string; readonly message: string }, R>(
  effect: Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const { databaseStartMs, databaseStartRetryMs } = yield* Limits
    return yield* effect.pipe(
      Effect.tapError((error) =>
        error._tag === "DatabaseUnreachable" ? Effect.logWarning("waiting_for_database", error.message) : Effect.void
      ),
      Effect.retry({
        schedule: Schedule.spaced(databaseStartRetryMs).pipe(Schedule.upTo({ duration: databaseStartMs })),
        while: (error) => error._tag === "DatabaseUnreachable"
      })
    )
  })

const prepareDatabase = (infrastructure: Infrastructure, env: Env) =>
  Effect.gen(function* () {
    const { databaseUrl } = infrastructure
    const home = env.databaseUrl === undefined ? infrastructure.home : undefined
    yield* whenReachable(migrate(databaseUrl)).pipe(
      Effect.catchTag("MigrationRefused", (refused) =>
        Effect.fail(otherSchema(refused, refusedDatabase(home, databaseUrl)))
      )
    )
    const passwords = yield* Passwords
    const report = yield* seed(infrastructure.databaseUrl, {
      adminEmail: env.adminEmail,
      adminPassword: env.adminPassword,
      hashPassword: passwords.hash
    })
    // Nothing keeps a generated password: this is the one time it can be read.
    if (report.generatedPassword !== undefined) {
      yield* Console.error(
        `dropmate: administrator ${report.adminEmail}, password (shown once): ${Redacted.value(report.generatedPassword)}`
      )
    }
  }).pipe(Effect.provide(Passwords.layer))

const run = (
  infrastructure: Infrastructure,
  env: Env,
  place: BucketPlace | undefined,
  webFolder: string,
  roles: ReadonlySet<ServerRole>
) =>
  Effect.gen(function* () {
    const engine = yield* buildEngine(
      nodeLayer(roles, webFolder).pipe(
        Layer.provide(
          Layer.mergeAll(
            Layer.succeed(DatabaseUrl, infrastructure.databaseUrl),
            Layer.succeed(RedisUrl, infrastructure.redisUrl),
            Layer.succeed(QueueRedisUrl, infrastructure.queueRedisUrl),
            Layer.succeed(Env, env),
            Layer.succeed(ClusterPlace, placeOf(roles, env)),
            Secret.layer(infrastructure.secret),
            place === undefined ? diskFileStorage(infrastructure.home.filesDir) : bucketFileStorage(place)
          )
        )
      )
    )
    yield* announce(infrastructure, env, roles).pipe(Effect.provideContext(engine))
    return yield* Effect.never
  })

const announce = (infrastructure: Infrastructure, env: Env, roles: ReadonlySet<ServerRole>) =>
  Effect.gen(function* () {
    const http = yield* HttpPort
    const realtimePort = Option.getOrUndefined(yield* Effect.serviceOption(RealtimeServer))?.port
    const HTTP_URL = `http://${env.host}:${http.port}`
    yield* publishInstance(infrastructure.home, {
      DATABASE_URL: infrastructure.databaseUrlForTools,
      REDIS_URL: Redacted.value(infrastructure.redisUrl),
      ...(env.queueRedisUrl === undefined ? {} : { QUEUE_REDIS_URL: Redacted.value(env.queueRedisUrl) }),
      HTTP_URL,
      ...(realtimePort === undefined ? {} : { REALTIME_URL: `ws://${env.host}:${realtimePort}` })
    })
    yield* Effect.logInfo("serving", {
      url: HTTP_URL,
      ...(realtimePort === undefined ? {} : { realtime_port: realtimePort }),
      roles: [...roles].join(","),
      home: infrastructure.home.root
    })
  })
