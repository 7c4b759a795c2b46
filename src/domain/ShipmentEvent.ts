import type { TaskPayload } from "./TaskPayload.ts"

/** A stop as its shipment began with it. */
export interface PlannedStop {
  readonly stop_id: string
  readonly type: "pickup" | "dropoff"
  readonly position: number
}

/** Types of what a driver's phone reported. */
export type TaskEventType =
  | "shipment.en_route_to_pickup"
  | "shipment.at_pickup"
  | "shipment.picked_up"
  | "shipment.en_route"
  | "shipment.arrived"
  | "shipment.delivered"
  | "shipment.handed_off"
  | "shipment.failed"
  | "shipment.returned"

/** One transition of a shipment, as `shipment_events` keeps it. Ids are bare UUIDs; keys are those of `data`. */
export type ShipmentEvent =
  | { readonly type: "shipment.created"; readonly data: { readonly stops: ReadonlyArray<PlannedStop> } }
  | { readonly type: "shipment.dispatching"; readonly data: Readonly<Record<never, never>> }
  | {
      readonly type: "shipment.assigned"
      readonly data: {
        readonly assignment_id: string
        readonly driver_id: string
        readonly fencing_token: number
        /** The assignment that this one takes the shipment from. */
        readonly replaces?: string
      }
    }
  | {
      readonly type: "shipment.unassigned"
      readonly data: { readonly assignment_id: string; readonly reason?: string }
    }
  | { readonly type: TaskEventType; readonly data: { readonly assignment_id: string } & TaskPayload }
  | { readonly type: "shipment.returning"; readonly data: { readonly assignment_id: string } }
  | {
      readonly type: "shipment.cancelled"
      readonly data: { readonly assignment_id?: string; readonly reason?: string }
    }

/** One of the types. */
export type ShipmentEventType = ShipmentEvent["type"]

const types: Readonly<Record<ShipmentEventType, true>> = {
  "shipment.created": true,
  "shipment.dispatching": true,
  "shipment.assigned": true,
  "shipment.unassigned": true,
  "shipment.en_route_to_pickup": true,
  "shipment.at_pickup": true,
  "shipment.picked_up": true,
  "shipment.en_route": true,
  "shipment.arrived": true,
  "shipment.delivered": true,
  "shipment.handed_off": true,
  "shipment.failed": true,
  "shipment.returning": true,
  "shipment.returned": true,
  "shipment.cancelled": true
}

/** Every type of a shipment's event. */
export const shipmentEventTypes = Object.keys(types) as ReadonlyArray<ShipmentEventType>

/** Whether a type is one of a shipment's. */
export const isShipmentEventType = (type: string): type is ShipmentEventType => Object.hasOwn(types, type)
