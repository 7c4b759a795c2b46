import { Layer } from "effect"
import { AddressRepo } from "../persistence/AddressRepo.ts"
import { OrderRepo } from "../persistence/OrderRepo.ts"
import { ProductRepo } from "../persistence/ProductRepo.ts"
import { SettingRepo } from "../persistence/SettingRepo.ts"
import { ShipmentEventRepo } from "../persistence/ShipmentEventRepo.ts"
import { ShipmentRepo } from "../persistence/ShipmentRepo.ts"
import { TaskRepo } from "../persistence/TaskRepo.ts"
import { Orders } from "./Orders.ts"
import { Shipments } from "./Shipments.ts"

/** Orders and shipments on their repos. Needs SqlClient and DatabaseUrl. */
export const OrderActors = Orders.layer.pipe(
  Layer.provideMerge(Shipments.layer),
  Layer.provideMerge(
    Layer.mergeAll(
      AddressRepo.layer,
      OrderRepo.layer,
      ProductRepo.layer,
      SettingRepo.layer,
      ShipmentEventRepo.layer,
      ShipmentRepo.layer,
      TaskRepo.layer
    )
  )
)
