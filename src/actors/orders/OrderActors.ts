import { Effect, Layer } from "effect"
import { DeliveryPins } from "../../identity/DeliveryPins.ts"
import { AddressRepo } from "../../persistence/customers/AddressRepo.ts"
import { LocationRepo } from "../../persistence/drivers/LocationRepo.ts"
import { FileRepo } from "../../persistence/files/FileRepo.ts"
import { IdempotencyRepo } from "../../persistence/IdempotencyRepo.ts"
import { OrderRepo } from "../../persistence/orders/OrderRepo.ts"
import { ProductRepo } from "../../persistence/orders/ProductRepo.ts"
import { PaymentOperationRepo } from "../../persistence/payments/PaymentOperationRepo.ts"
import { PaymentRepo } from "../../persistence/payments/PaymentRepo.ts"
import { RefundRepo } from "../../persistence/payments/RefundRepo.ts"
import { RunRepo } from "../../persistence/runs/RunRepo.ts"
import { SettingRepo } from "../../persistence/SettingRepo.ts"
import { OfferRepo } from "../../persistence/shipments/OfferRepo.ts"
import { ProofRepo } from "../../persistence/shipments/ProofRepo.ts"
import { ShipmentEventRepo } from "../../persistence/shipments/ShipmentEventRepo.ts"
import { ShipmentRepo } from "../../persistence/shipments/ShipmentRepo.ts"
import { TaskRepo } from "../../persistence/shipments/TaskRepo.ts"
import { configuredProcessors } from "../../processors/ConfiguredProcessors.ts"
import { Offers } from "../offers/Offers.ts"
import { Payments } from "../payments/Payments.ts"
import { Runs } from "../runs/Runs.ts"
import { ClusterPlace, ShipmentCluster } from "../shipments/ShipmentCluster.ts"
import { ShipmentEntityLayer } from "../shipments/ShipmentEntity.ts"
import { Shipments } from "../shipments/Shipments.ts"
import { Orders } from "./Orders.ts"

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
