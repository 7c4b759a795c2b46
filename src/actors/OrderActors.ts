import { Effect, Layer } from "effect"
import { DeliveryPins } from "../identity/DeliveryPins.ts"
import { AddressRepo } from "../persistence/AddressRepo.ts"
import { FileRepo } from "../persistence/FileRepo.ts"
import { IdempotencyRepo } from "../persistence/IdempotencyRepo.ts"
import { LocationRepo } from "../persistence/LocationRepo.ts"
import { OfferRepo } from "../persistence/OfferRepo.ts"
import { OrderRepo } from "../persistence/OrderRepo.ts"
import { PaymentOperationRepo } from "../persistence/PaymentOperationRepo.ts"
import { PaymentRepo } from "../persistence/PaymentRepo.ts"
import { ProductRepo } from "../persistence/ProductRepo.ts"
import { ProofRepo } from "../persistence/ProofRepo.ts"
import { RefundRepo } from "../persistence/RefundRepo.ts"
import { RunRepo } from "../persistence/RunRepo.ts"
import { SettingRepo } from "../persistence/SettingRepo.ts"
import { ShipmentEventRepo } from "../persistence/ShipmentEventRepo.ts"
import { ShipmentRepo } from "../persistence/ShipmentRepo.ts"
import { TaskRepo } from "../persistence/TaskRepo.ts"
import { configuredProcessors } from "../processors/ConfiguredProcessors.ts"
import { Offers } from "./Offers.ts"
import { Orders } from "./Orders.ts"
import { Payments } from "./Payments.ts"
import { Runs } from "./Runs.ts"
import { ClusterPlace, ShipmentCluster } from "./ShipmentCluster.ts"
import { ShipmentEntityLayer } from "./ShipmentEntity.ts"
import { Shipments } from "./Shipments.ts"

/** A node that only asks has no shipments of its own. */
const Residents = Layer.unwrap(
  Effect.map(ClusterPlace, (place) => (place._tag === "Client" ? Layer.empty : ShipmentEntityLayer))
)

/** Orders, payments, shipments and runs on their repos, and on some processors of payments. */
export const orderActors = (processors: typeof configuredProcessors) =>
  Layer.mergeAll(Orders.layer, Offers.layer, Payments.layer, Runs.layer).pipe(
    Layer.provideMerge(Shipments.layer),
    Layer.provide(Residents.pipe(Layer.provideMerge(ShipmentCluster))),
    Layer.provideMerge(
      Layer.mergeAll(
        AddressRepo.layer,
        IdempotencyRepo.layer,
        DeliveryPins.layer,
        FileRepo.layer,
        LocationRepo.layer,
        OfferRepo.layer,
        OrderRepo.layer,
        PaymentOperationRepo.layer,
        PaymentRepo.layer,
        ProductRepo.layer,
        ProofRepo.layer,
        RefundRepo.layer,
        RunRepo.layer,
        SettingRepo.layer,
        ShipmentEventRepo.layer,
        ShipmentRepo.layer,
        TaskRepo.layer,
        processors
      )
    )
  )

/** With the processors of the environment. Needs SqlClient, DatabaseUrl, Secret, Env and ShipmentAnswers. */
export const OrderActors = orderActors(configuredProcessors)
