import type { AnsweredOrder } from "../../../src/cli/town/checks/KeptPromises.ts"
import type { OrderFacts } from "../../../src/cli/town/OrderFacts.ts"
import type { LoggedEvent, Order, Shipment, ShipmentEventEntry } from "../../../src/client/DeliveryRest.ts"
import type { Payment } from "../../../src/client/PaymentsRest.ts"

const at = "2026-01-12T10:00:00.000Z"

const told = (index: number, type: string, data: Readonly<Record<string, unknown>>): ShipmentEventEntry => ({
  id: `evt_${index + 1}`,
  sequence: index + 1,
  type: `shipment.${type}`,
  occurred_at: at,
  recorded_at: at,
  actor: { kind: "driver", id: null },
  data
})

const own = { assignment_id: "asg_1" }
const proof = { type: "note", value: "at the door" }

/** A delivery as it goes when nothing goes wrong. */
export const deliveredTimeline: ReadonlyArray<ShipmentEventEntry> = (
  [
    [
      "created",
      {
        stops: [
          { stop_id: "stp_1", type: "pickup", position: 1 },
          { stop_id: "stp_2", type: "dropoff", position: 2 }
        ]
      }
    ],
    ["dispatching", {}],
    ["assigned", { ...own, driver_id: "drv_1", fencing_token: 1 }],
    ["en_route_to_pickup", own],
    ["at_pickup", own],
    ["picked_up", own],
    ["en_route", own],
    ["arrived", own],
    ["delivered", { ...own, proof }]
  ] as const
).map(([type, data], index) => told(index, type, data))

/** The proof of that delivery. */
export const givenProof = proof

/** An order of two pieces of one product. */
export const anOrder: Order = {
  id: "ord_1",
  status: "fulfilled",
  total: { amount: 1_280, currency: "EUR" },
  items: [{ product_id: "prd_1", quantity: 2 }],
  shipment_id: "shp_1",
  channel: "web",
  customer_id: "cus_1",
  created_at: at
}

const aShipment: Shipment = {
  id: "shp_1",
  order_id: "ord_1",
  status: "delivered",
  sequence: deliveredTimeline.length,
  is_picked_up: true,
  assignment: { id: "asg_1", driver_id: "drv_1", status: "delivered", fencing_token: 1 },
  updated_at: at
}

const aPayment: Payment = {
  id: "pay_1",
  order_id: "ord_1",
  status: "settled",
  amount: anOrder.total,
  settled: anOrder.total,
  refunded: { amount: 0, currency: "EUR" }
}

/** What a test says differently. */
export interface FactChanges {
  readonly order?: Partial<Order>
  readonly shipment?: Partial<Shipment>
  readonly timeline?: ReadonlyArray<ShipmentEventEntry>
  readonly stops?: OrderFacts["stops"]
  readonly payment?: Partial<Payment>
  readonly refunds?: OrderFacts["refunds"]
  readonly proofs?: OrderFacts["proofs"]
  readonly fileHashes?: OrderFacts["fileHashes"]
  readonly messages?: OrderFacts["messages"]
}

/** A delivered order with all that the server says of it. */
export const delivered = (changes: FactChanges = {}): OrderFacts => ({
  order: { ...anOrder, ...changes.order },
  shipment: { ...aShipment, ...changes.shipment },
  timeline: changes.timeline ?? deliveredTimeline,
  stops: changes.stops ?? [
    { id: "stp_1", type: "pickup", position: 1, status: "completed" },
    { id: "stp_2", type: "dropoff", position: 2, status: "completed" }
  ],
  payment: { ...aPayment, ...changes.payment },
  refunds: changes.refunds ?? [],
  proofs: changes.proofs ?? [],
  fileHashes: changes.fileHashes ?? new Map(),
  messages: changes.messages ?? []
})

/** That order's events in the public log. */
export const deliveredLog: ReadonlyArray<LoggedEvent> = [
  { id: "evt_a", type: "order.submitted", sequence: 1, order_id: "ord_1", shipment_sequence: null },
  ...deliveredTimeline.map(({ id, type, sequence }) => ({
    id,
    type,
    sequence: sequence + 1,
    order_id: "ord_1",
    shipment_sequence: sequence
  }))
]

/** That order as its customer knows it. */
export const placed = (changes: Partial<AnsweredOrder> = {}): AnsweredOrder => ({
  orderId: "ord_1",
  total: anOrder.total,
  isConfirmed: true,
  isCancelled: false,
  ...changes
})
