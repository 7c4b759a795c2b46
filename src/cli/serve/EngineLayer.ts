import { Layer } from "effect"
import { Reactivity } from "effect/reactivity"
import { DriverRegistry } from "../../actors/drivers/DriverRegistry.ts"
import { FleetFollowing } from "../../actors/fleet/FleetFollowing.ts"
import { FleetLayer } from "../../actors/fleet/FleetPresence.ts"
import { FleetSharing } from "../../actors/fleet/FleetSharing.ts"
import { DriverMessages } from "../../actors/messages/DriverMessages.ts"
import { OfferExpiry } from "../../actors/offers/OfferExpiry.ts"
import { OrderActors } from "../../actors/orders/OrderActors.ts"
import { RunRepair } from "../../actors/runs/RunRepair.ts"
import { EtaKeeper } from "../../actors/shipments/EtaKeeper.ts"
import { DriverTasks } from "../../actors/tasks/DriverTasks.ts"
import { DriverEndpoint } from "../../gateway/DriverEndpoint.ts"
import { FleetEndpoint } from "../../gateway/FleetEndpoint.ts"
import { RealtimeServer } from "../../gateway/RealtimeServer.ts"
import { TrackingEndpoint } from "../../gateway/TrackingEndpoint.ts"
import { ShipmentAnswersLive } from "../../http/shipments/ShipmentAnswersLive.ts"
import { AccessTokens } from "../../identity/AccessTokens.ts"
import { DeliveryPins } from "../../identity/DeliveryPins.ts"
import { Revocations } from "../../identity/Revocations.ts"
import { FileSweeper } from "../../jobs/FileSweeper.ts"
import { JobQueues } from "../../jobs/JobQueues.ts"
import { JobWorkers } from "../../jobs/JobWorkers.ts"
import { OutboxRelay } from "../../jobs/OutboxRelay.ts"
import { PartitionKeeper } from "../../jobs/PartitionKeeper.ts"
import { PaymentSweep } from "../../jobs/PaymentSweep.ts"
import { DailySummaryRepo } from "../../persistence/DailySummaryRepo.ts"
import { AppDatabase, JobsDatabase } from "../../persistence/Database.ts"
import { DriverSessionRepo } from "../../persistence/drivers/DriverSessionRepo.ts"
import { FleetRepo } from "../../persistence/drivers/FleetRepo.ts"
import { MarkerCache } from "../../persistence/drivers/MarkerCache.ts"
import { MarkerRepo } from "../../persistence/drivers/MarkerRepo.ts"
import { PeerChannel } from "../../persistence/drivers/PeerChannel.ts"
import { TelemetryWriter } from "../../persistence/ingest/TelemetryWriter.ts"
import { BackgroundJobRepo } from "../../persistence/outbox/BackgroundJobRepo.ts"
import { EventPositionRepo } from "../../persistence/outbox/EventPositionRepo.ts"
import { OutboxRepo } from "../../persistence/outbox/OutboxRepo.ts"
import { QueueRedis } from "../../persistence/outbox/QueueRedis.ts"
import { Redis } from "../../persistence/Redis.ts"
import { DriverCommandRepo } from "../../persistence/shipments/DriverCommandRepo.ts"
import { DriverInbox } from "../../persistence/shipments/DriverInbox.ts"
import { TrackingRepo } from "../../persistence/tracking/TrackingRepo.ts"
import { EventBell } from "../../realtime/EventBell.ts"
import { FleetHub } from "../../realtime/FleetHub.ts"
import { FleetNews } from "../../realtime/FleetNews.ts"
import { OrderBell } from "../../realtime/OrderBell.ts"
import { OrderHub } from "../../realtime/OrderHub.ts"
import { PeerLink } from "../../realtime/PeerLink.ts"
import { TrackGate } from "../../realtime/TrackGate.ts"

/** Orders and shipments, with the words of REST for what becomes of them. Needs SqlClient, DatabaseUrl and Secret. */
const Commerce = OrderActors.pipe(Layer.provide(ShipmentAnswersLive))

/** Shipments for other nodes to ask. Needs DatabaseUrl. */
export const ActorsLayer = Commerce.pipe(Layer.provideMerge(AppDatabase), Layer.provide(Reactivity.layer))

/** Identity, orders, and who follows them: what REST and the sockets both stand on. Needs DatabaseUrl, RedisUrl, Env and Secret. */
export const SharedLayer = Layer.mergeAll(EtaKeeper, OfferExpiry, RunRepair).pipe(
  Layer.provideMerge(PeerLink.layer),
  Layer.provideMerge(Layer.mergeAll(OrderHub.layer, TrackGate.layer, Commerce, AccessTokens.layer, Revocations.layer)),
  Layer.provideMerge(Layer.mergeAll(OrderBell.layer, EventBell.layer, PeerChannel.layer, DeliveryPins.layer)),
  Layer.provideMerge(Layer.mergeAll(MarkerRepo.layer, TrackingRepo.layer)),
  Layer.provideMerge(Layer.mergeAll(AppDatabase, Redis.layer)),
  Layer.provide(Reactivity.layer)
)

/** Drivers' actors, their telemetry, the fleet, and the realtime listener. */
export const GatewayLayer = RealtimeServer.layer.pipe(
  Layer.provide(Layer.mergeAll(DriverEndpoint.layer, FleetEndpoint.layer, TrackingEndpoint.layer)),
  // Before anybody is let in the board is filled, and what happened before is told apart from news.
  Layer.provideMerge(Layer.mergeAll(DriverTasks.layer, DriverMessages.layer, FleetNews, FleetSharing, FleetFollowing)),
  Layer.provideMerge(DriverRegistry.layer),
  Layer.provideMerge(FleetLayer),
  Layer.provideMerge(Layer.mergeAll(FleetHub.layer, FleetRepo.layer)),
  Layer.provideMerge(
    Layer.mergeAll(
      DriverCommandRepo.layer,
      DriverInbox.layer,
      DriverSessionRepo.layer.pipe(Layer.provide(Reactivity.layer)),
      TelemetryWriter.layer,
      MarkerCache.layer
    )
  ),
  Layer.provideMerge(SharedLayer)
)

/** What may be late. Needs DatabaseUrl, RedisUrl, FileStorage and Env; shares the actors of a node that has them for other reasons. */
export const WorkerLayer = Layer.mergeAll(
  PartitionKeeper,
  OutboxRelay,
  JobWorkers,
  FileSweeper,
  PaymentSweep.pipe(Layer.provide(Commerce))
).pipe(
  Layer.provide(JobQueues.layer),
  Layer.provide(
    Layer.mergeAll(
      OutboxRepo.layer,
      EventPositionRepo.layer,
      BackgroundJobRepo.layer,
      DailySummaryRepo.layer,
      QueueRedis.layer
    )
  ),
  Layer.provideMerge(JobsDatabase.layer),
  Layer.provide(AppDatabase),
  Layer.provide(Reactivity.layer)
)

/** A whole node but for its HTTP port. */
export const EngineLayer = WorkerLayer.pipe(Layer.provideMerge(GatewayLayer))
