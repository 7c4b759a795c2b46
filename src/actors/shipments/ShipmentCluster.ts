import { NodeClusterSocket } from "@effect/platform-node"
import { Context, Duration, Effect, Layer, Option } from "effect"
import {
  MessageStorage,
  RunnerAddress,
  RunnerHealth,
  RunnerStorage,
  Runners,
  Sharding,
  ShardingConfig,
  SocketRunner,
  SqlRunnerStorage
} from "effect/cluster"
import { Reactivity } from "effect/reactivity"
import { RpcSerialization } from "effect/rpc"
import { Limits } from "../../config/Limits.ts"
import { ClusterDatabase } from "../../persistence/Database.ts"

/** Where a node stands among those that share shipments. `client`: it asks nodes that have them, and has none itself. */
export type Place =
  | { readonly _tag: "Alone" }
  | { readonly _tag: "Runner"; readonly host: string; readonly port: number }
  | { readonly _tag: "Client" }

/** Where this node stands. Alone: it decides by itself, and no other node is spoken to. */
export const ClusterPlace = Context.Reference<Place>("dropmate/actors/ClusterPlace", {
  defaultValue: () => ({ _tag: "Alone" })
})

const shardingConfig = (limits: Limits) => ({
  maxResidentEntities: limits.shipmentsResidentMax,
  entityMailboxCapacity: limits.shipmentMailboxMax,
  // Messages between two parts of one process are passed on as they are.
  simulateRemoteSerialization: false,
  entityTerminationTimeout: Duration.millis(limits.shipmentDrainMs),
  shardLockExpiration: Duration.millis(limits.clusterLockMs),
  shardLockRefreshInterval: Duration.millis(limits.clusterLockRefreshMs),
  refreshAssignmentsInterval: Duration.millis(limits.clusterRefreshMs),
  runnerHealthCheckInterval: Duration.millis(limits.clusterHealthMs)
})

/** `SingleRunner` without its message storage in SQL, which only persisted messages would use. */
const alone = Effect.gen(function* () {
  const limits = yield* Limits
  return Sharding.layer.pipe(
    Layer.provideMerge(Runners.layerNoop),
    Layer.provide([MessageStorage.layerNoop, RunnerStorage.layerMemory, RunnerHealth.layerNoop]),
    Layer.provide(ShardingConfig.layer(shardingConfig(limits)))
  )
})

/** Who runs and which shards they hold: in a schema of their own, under a role that reaches nothing else. */
const runnerStorage = Layer.orDie(
  SqlRunnerStorage.layer.pipe(Layer.provide(ClusterDatabase), Layer.provide(Reactivity.layer))
)

/** What `NodeClusterSocket.layer` is made of, without a configuration from the environment: `Env` alone reads that. */
const together = (place: Exclude<Place, { readonly _tag: "Alone" }>) =>
  Effect.gen(function* () {
    const limits = yield* Limits
    const runnerAddress =
      place._tag === "Runner" ? Option.some(RunnerAddress.make(place.host, place.port)) : Option.none()
    const config = ShardingConfig.layer({ ...shardingConfig(limits), runnerAddress })
    const health = RunnerHealth.layerPing.pipe(
      Layer.provide(Runners.layerRpc),
      Layer.provide(NodeClusterSocket.layerClientProtocol)
    )
    const node =
      place._tag === "Runner"
        ? SocketRunner.layer.pipe(
            Layer.provide([NodeClusterSocket.layerSocketServer, NodeClusterSocket.layerClientProtocol, health])
          )
        : SocketRunner.layerClientOnly.pipe(Layer.provide(NodeClusterSocket.layerClientProtocol))
    return node.pipe(
      Layer.provide([MessageStorage.layerNoop, runnerStorage]),
      Layer.provide(config),
      Layer.provide(RpcSerialization.layerSchemaBinary())
    )
  })

/** Where shipments live: in this process, or spread over the nodes that have the role `actors`. */
export const ShipmentCluster = Layer.unwrap(
  Effect.gen(function* () {
    const place = yield* ClusterPlace
    return place._tag === "Alone" ? yield* alone : yield* together(place)
  })
)
