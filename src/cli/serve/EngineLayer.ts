import { Layer } from "effect"
import { Reactivity } from "effect/reactivity"
import { DriverRegistry } from "../../actors/DriverRegistry.ts"
import { DriverTasks } from "../../actors/DriverTasks.ts"
import { FleetNews } from "../../actors/FleetNews.ts"
import { OrderActors } from "../../actors/OrderActors.ts"
import { DriverEndpoint } from "../../gateway/DriverEndpoint.ts"
import { FleetEndpoint } from "../../gateway/FleetEndpoint.ts"
import { RealtimeServer } from "../../gateway/RealtimeServer.ts"
import { TrackingEndpoint } from "../../gateway/TrackingEndpoint.ts"
import { AccessTokens } from "../../identity/AccessTokens.ts"
import { Revocations } from "../../identity/Revocations.ts"
import { PartitionKeeper } from "../../jobs/PartitionKeeper.ts"
import { AppDatabase, JobsDatabase } from "../../persistence/Database.ts"
import { DriverCommandRepo } from "../../persistence/DriverCommandRepo.ts"
import { DriverSessionRepo } from "../../persistence/DriverSessionRepo.ts"
import { TelemetryWriter } from "../../persistence/ingest/TelemetryWriter.ts"
import { MarkerCache } from "../../persistence/MarkerCache.ts"
import { MarkerRepo } from "../../persistence/MarkerRepo.ts"
import { Redis } from "../../persistence/Redis.ts"
import { TrackingRepo } from "../../persistence/TrackingRepo.ts"
import { FleetHub } from "../../realtime/FleetHub.ts"
import { OrderHub } from "../../realtime/OrderHub.ts"
import { TrackGate } from "../../realtime/TrackGate.ts"

/** Pools and what is kept in them. Needs DatabaseUrl, RedisUrl and Env. */
export const PersistenceLayer = Layer.mergeAll(
  DriverCommandRepo.layer,
  DriverSessionRepo.layer,
  TelemetryWriter.layer,
  MarkerCache.layer,
  MarkerRepo.layer,
  TrackingRepo.layer
).pipe(
  Layer.provideMerge(Layer.mergeAll(AppDatabase, JobsDatabase.layer, Redis.layer)),
  Layer.provide(Reactivity.layer)
)

/** Identity, actors and the realtime listener on top of it, without what may be late. Needs Secret as well. */
export const FrontLayer = RealtimeServer.layer.pipe(
  Layer.provide(Layer.mergeAll(DriverEndpoint.layer, FleetEndpoint.layer, TrackingEndpoint.layer)),
  Layer.provideMerge(Layer.mergeAll(DriverTasks.layer, FleetNews)),
  Layer.provideMerge(Layer.mergeAll(DriverRegistry.layer, OrderActors)),
  Layer.provideMerge(Layer.mergeAll(FleetHub.layer, OrderHub.layer, TrackGate.layer)),
  Layer.provideMerge(Layer.mergeAll(AccessTokens.layer, Revocations.layer)),
  Layer.provideMerge(PersistenceLayer)
)

/** A whole node. */
export const EngineLayer = PartitionKeeper.pipe(Layer.provideMerge(FrontLayer))
