import { Effect, Layer } from "effect"
import { AddressRepo } from "../persistence/AddressRepo.ts"
import { IdempotencyRepo } from "../persistence/IdempotencyRepo.ts"
import { LocationRepo } from "../persistence/LocationRepo.ts"
import { OfferRepo } from "../persistence/OfferRepo.ts"
import { OrderRepo } from "../persistence/OrderRepo.ts"
import { ProductRepo } from "../persistence/ProductRepo.ts"
import { SettingRepo } from "../persistence/SettingRepo.ts"
import { ShipmentEventRepo } from "../persistence/ShipmentEventRepo.ts"
import { ShipmentRepo } from "../persistence/ShipmentRepo.ts"
import { TaskRepo } from "../persistence/TaskRepo.ts"
import { Offers } from "./Offers.ts"
import { Orders } from "./Orders.ts"
import { ClusterPlace, ShipmentCluster } from "./ShipmentCluster.ts"
import { ShipmentEntityLayer } from "./ShipmentEntity.ts"
import { Shipments } from "./Shipments.ts"

/** A node that only asks has no shipments of its own. */
const Residents = Layer.unwrap(
  Effect.map(ClusterPlace, (place) => (place._tag === "Client" ? Layer.empty : ShipmentEntityLayer))
)

/** Orders and shipments on their repos. Needs SqlClient, DatabaseUrl and ShipmentAnswers. */
export const OrderActors = Layer.mergeAll(Orders.layer, Offers.layer).pipe(
  Layer.provideMerge(Shipments.layer),
  Layer.provide(Residents.pipe(Layer.provideMerge(ShipmentCluster))),
  Layer.provideMerge(
    Layer.mergeAll(
      AddressRepo.layer,
      IdempotencyRepo.layer,
      LocationRepo.layer,
      OfferRepo.layer,
      OrderRepo.layer,
      ProductRepo.layer,
      SettingRepo.layer,
      ShipmentEventRepo.layer,
      ShipmentRepo.layer,
      TaskRepo.layer
    )
  )
)
