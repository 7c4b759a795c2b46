import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { Env } from "../../config/Env.ts"
import { HttpPort, type HttpPortNotFree } from "../../gateway/HttpPort.ts"
import { makeRequestHandler } from "../../http/HttpApp.ts"
import { makeOpsRequestHandler } from "../../http/ops/OpsApp.ts"
import { databaseCheck, Readiness, type ReadinessCheck, revocationsCheck } from "../../http/ops/Readiness.ts"
import { TrackingEventStream } from "../../http/tracking/TrackingEventStream.ts"
import { type WebPagesUnreadable, webPages } from "../../http/WebPages.ts"
import { JobsDatabase } from "../../persistence/Database.ts"
import type { OrderHub } from "../../realtime/OrderHub.ts"
import type { TrackGate } from "../../realtime/TrackGate.ts"
import { ActorsLayer, EngineLayer, GatewayLayer, SharedLayer, WorkerLayer } from "./EngineLayer.ts"
import type { ServerRole } from "./ServerRoles.ts"

/** REST, pages and the event stream. Needs what `SharedLayer` has. */
const restPort = (webFolder: string) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { mapStyleUrl } = yield* Env
      const pages = yield* webPages({ folder: webFolder, mapStyleUrl })
      const checks = yield* Effect.all([databaseCheck, revocationsCheck])
      const engine = yield* Effect.context<TrackGate | OrderHub>()
      const routes = Layer.mergeAll(pages, TrackingEventStream.pipe(Layer.provide(Layer.succeedContext(engine))))
      return HttpPort.layer(makeRequestHandler(routes)).pipe(Layer.provide(Readiness.layer(checks)))
    })
  )

/** Probes and metrics. */
const opsPort = <R>(checks: Effect.Effect<ReadonlyArray<ReadinessCheck>, never, R>, roles: ReadonlySet<ServerRole>) =>
  Layer.unwrap(
    Effect.map(checks, (each) =>
      HttpPort.layer(
        makeOpsRequestHandler(`this node has the roles ${[...roles].join(",")}; ask one that has the role api`)
      ).pipe(Layer.provide(Readiness.layer(each)))
    )
  )

const gatewayChecks = Effect.all([databaseCheck, revocationsCheck])

const workerChecks = Effect.map(
  Effect.flatMap(JobsDatabase, (jobs) => Effect.provideService(databaseCheck, SqlClient.SqlClient, jobs)),
  (check) => [check]
)

/** Whatever else it has besides, a node has an HTTP port. */
type Node = Layer.Layer<
  HttpPort,
  Layer.Error<typeof EngineLayer> | HttpPortNotFree | WebPagesUnreadable,
  Layer.Services<typeof EngineLayer> | Env
>

const gatewayNode = (roles: ReadonlySet<ServerRole>): Node => {
  const port = opsPort(gatewayChecks, roles)
  return roles.has("worker") ? port.pipe(Layer.provideMerge(EngineLayer)) : port.pipe(Layer.provideMerge(GatewayLayer))
}

const apiNode = (roles: ReadonlySet<ServerRole>, webFolder: string): Node => {
  const port = restPort(webFolder)
  const isWorker = roles.has("worker")
  if (roles.has("gateway"))
    return isWorker ? port.pipe(Layer.provideMerge(EngineLayer)) : port.pipe(Layer.provideMerge(GatewayLayer))
  return isWorker
    ? port.pipe(Layer.provideMerge(WorkerLayer), Layer.provideMerge(SharedLayer))
    : port.pipe(Layer.provideMerge(SharedLayer))
}

const actorsNode = (roles: ReadonlySet<ServerRole>): Node => {
  const port = opsPort(
    Effect.map(databaseCheck, (check) => [check]),
    roles
  ).pipe(Layer.provideMerge(ActorsLayer))
  return roles.has("worker") ? port.pipe(Layer.provideMerge(WorkerLayer)) : port
}

/**
 * What a node with these roles is made of: always an HTTP port with probes and metrics, behind it what the roles ask for and
 * nothing else. `rolesRefusal` says which roles make no node. `webFolder` has the built pages, for a node with the role api.
 */
export const nodeLayer = (roles: ReadonlySet<ServerRole>, webFolder: string): Node => {
  if (roles.has("api")) return apiNode(roles, webFolder)
  if (roles.has("gateway")) return gatewayNode(roles)
  if (roles.has("actors")) return actorsNode(roles)
  return opsPort(workerChecks, roles).pipe(Layer.provideMerge(WorkerLayer))
}
