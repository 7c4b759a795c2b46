import { describe, expect, it } from "vitest"
import { type ShipmentStatus, shipmentStatuses } from "../../src/domain/Shipment.ts"
import { actionsOf } from "../../web/src/orders/OrderActions.ts"
import type { OrderAnswer } from "../../web/src/orders/OrderAnswer.ts"
import type { OrderView } from "../../web/src/orders/OrderView.ts"

const routes = new Set(
  ["assign", "reassign", "unassign", "offer", "retry", "return", "mark-returned", "reschedule"].map(
    (name) => `POST /v1/shipments/{id}/${name}`
  )
)

const order: OrderAnswer = {
  id: "ord_1",
  status: "submitted",
  channel: "web",
  external_id: null,
  customer_id: null,
  total: { amount: 100, currency: "EUR" },
  items: [],
  delivery_address: {
    line1: "Street 1",
    line2: null,
    city: "Wien",
    postal_code: null,
    country: "AT",
    lat: 48,
    lng: 16,
    instructions: null
  },
  pickup: null,
  window: null,
  contact: null,
  notes: null,
  payment_status: null,
  shipment_id: null,
  shipment_status: null,
  created_at: "2026-05-04T12:00:00.000Z",
  updated_at: "2026-05-04T12:00:00.000Z"
}

const carried = new Set<ShipmentStatus>([
  "assigned",
  "en_route_to_pickup",
  "at_pickup",
  "picked_up",
  "en_route",
  "arrived"
])

const viewOf = (status: ShipmentStatus | undefined): OrderView => ({
  order: status === undefined ? order : { ...order, status: "confirmed" },
  shipment:
    status === undefined
      ? undefined
      : {
          id: "shp_1",
          order_id: "ord_1",
          status,
          sequence: 3,
          is_picked_up: ["picked_up", "en_route", "arrived", "delivered", "failed", "returning", "returned"].includes(
            status
          ),
          promised_arrival_at: null,
          eta: null,
          courier_notes: null,
          assignment: carried.has(status)
            ? { id: "asg_1", driver_id: "drv_1", status: "accepted", fencing_token: 1 }
            : null,
          ended_at: null
        },
  stops: [],
  events: [],
  payment: undefined,
  proofs: [],
  thread: undefined,
  names: new Map()
})

const names = (status: ShipmentStatus | undefined, known: ReadonlySet<string> = routes) =>
  actionsOf(viewOf(status), "dispatcher", known).map(({ name }) => name)

describe("the buttons of an order", () => {
  it("offers what the machines take and the server has a route for", () => {
    expect(names(undefined)).toEqual(["confirm", "cancel"])
    expect(names("dispatching")).toEqual(expect.arrayContaining(["assign", "cancel"]))
    expect(names("assigned")).toEqual(expect.arrayContaining(["reassign", "unassign", "cancel"]))
    expect(names("failed")).toContain("return")
    expect(names("returning")).toEqual(["assign", "mark-returned"])
    expect(names("failed", new Set())).toEqual([])
    expect(names("dispatching", new Set())).toEqual(["cancel"])
  })

  it("never offers to cancel what is picked up, nor anything once it is over", () => {
    for (const status of ["picked_up", "en_route", "arrived"] as const) expect(names(status)).not.toContain("cancel")
    for (const status of ["delivered", "returned", "cancelled"] as const) expect(names(status)).toEqual([])
    for (const status of shipmentStatuses) expect(names(status)).not.toContain("confirm")
  })
})
