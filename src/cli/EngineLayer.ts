import { Layer } from "effect"
import { Reactivity } from "effect/reactivity"
import { DriverRegistry } from "../actors/DriverRegistry.ts"
import { DriverEndpoint } from "../gateway/DriverEndpoint.ts"
import { FleetEndpoint } from "../gateway/FleetEndpoint.ts"
import { RealtimeServer } from "../gateway/RealtimeServer.ts"
import { AccessTokens } from "../identity/AccessTokens.ts"
import { Revocations } from "../identity/Revocations.ts"
import { PartitionKeeper } from "../jobs/PartitionKeeper.ts"
import { AppDatabase, JobsDatabase } from "../persistence/Database.ts"
import { DriverCommandRepo } from "../persistence/DriverCommandRepo.ts"
import { DriverSessionRepo } from "../persistence/DriverSessionRepo.ts"
import { MarkerCache } from "../persistence/MarkerCache.ts"
import { Redis } from "../persistence/Redis.ts"
import { TelemetryWriter } from "../persistence/TelemetryWriter.ts"
import { FleetHub } from "../realtime/FleetHub.ts"

/** Pools and what is kept in them. Needs DatabaseUrl, RedisUrl and Env. */
export const PersistenceLayer = Layer.mergeAll(
  DriverCommandRepo.layer,
  DriverSessionRepo.layer,
  TelemetryWriter.layer,
  MarkerCache.layer
).pipe(
  Layer.provideMerge(Layer.mergeAll(AppDatabase, JobsDatabase.layer, Redis.layer)),
  Layer.provide(Reactivity.layer)
)

/** Identity, actors and the realtime listener on top of it. Needs Secret as well. */
export const EngineLayer = RealtimeServer.layer.pipe(
  Layer.provide(Layer.mergeAll(DriverEndpoint.layer, FleetEndpoint.layer)),
  Layer.provideMerge(DriverRegistry.layer),
  Layer.provideMerge(FleetHub.layer),
  Layer.provideMerge(Layer.mergeAll(AccessTokens.layer, Revocations.layer)),
  Layer.provideMerge(PartitionKeeper),
  Layer.provideMerge(PersistenceLayer)
)
