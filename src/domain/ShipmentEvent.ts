import type { ShipmentStatus } from "./Shipment.ts"
import type { TaskPayload } from "./TaskPayload.ts"

/** A stop as its shipment began with it. */
export interface PlannedStop {
  readonly stop_id: string
  readonly type: "pickup" | "dropoff"
  readonly position: number
}

/** An offer as its shipment made it. */
export interface MadeOffer {
  readonly assignment_id: string
  readonly driver_id: string
  readonly fencing_token: number
  /** Unix milliseconds. */
  readonly expires_at: number
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
  | { readonly type: "shipment.offered"; readonly data: { readonly offers: ReadonlyArray<MadeOffer> } }
  | {
      readonly type: "shipment.offer_declined"
      readonly data: { readonly assignment_id: string; readonly driver_id: string; readonly reason?: string }
    }
  /** Their time passed. Offers that end because another driver was first, or the shipment was cancelled, end with that event. */
  | { readonly type: "shipment.offer_expired"; readonly data: { readonly assignment_ids: ReadonlyArray<string> } }
  /** An offer that its driver took, or a shipment given without asking; every other open offer of it expires. */
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
  | {
      readonly type: TaskEventType
      readonly data: {
        readonly assignment_id: string
        /** A dispatcher's words, for a hand-off or a return that no driver reported. */
        readonly reason?: string
      } & TaskPayload
    }
  /** Another attempt after a failed one, whose assignment is named. */
  | { readonly type: "shipment.retrying"; readonly data: { readonly assignment_id: string } }
  /** Another window is promised; Unix milliseconds. */
  | {
      readonly type: "shipment.rescheduled"
      readonly data: { readonly window_start: number; readonly window_end: number }
    }
  /** The parcel turns back; named is the assignment that had it last. Open offers of it expire. */
  | { readonly type: "shipment.returning"; readonly data: { readonly assignment_id: string } }
  /** Another driver than before brings the parcel back. */
  | {
      readonly type: "shipment.return_assigned"
      readonly data: {
        readonly assignment_id: string
        readonly driver_id: string
        readonly fencing_token: number
        /** The assignment that this one takes the parcel from. */
        readonly replaces?: string
        readonly reason?: string
      }
    }
  | {
      readonly type: "shipment.cancelled"
      readonly data: { readonly assignment_id?: string; readonly reason?: string }
    }

/** One of the types. */
export type ShipmentEventType = ShipmentEvent["type"]

/** The status that each event leaves a shipment in; undefined: the one that it has. */
export const statusAfterEvent: Readonly<Record<ShipmentEventType, ShipmentStatus | undefined>> = {
  "shipment.created": "created",
  "shipment.dispatching": "dispatching",
  "shipment.offered": "dispatching",
  "shipment.offer_declined": "dispatching",
  "shipment.offer_expired": "dispatching",
  "shipment.assigned": "assigned",
  "shipment.unassigned": "dispatching",
  "shipment.en_route_to_pickup": "en_route_to_pickup",
  "shipment.at_pickup": "at_pickup",
  "shipment.picked_up": "picked_up",
  "shipment.en_route": "en_route",
  "shipment.arrived": "arrived",
  "shipment.delivered": "delivered",
  "shipment.handed_off": "dispatching",
  "shipment.failed": "failed",
  "shipment.retrying": "dispatching",
  "shipment.returning": "returning",
  "shipment.return_assigned": "returning",
  "shipment.returned": "returned",
  "shipment.cancelled": "cancelled",
  "shipment.rescheduled": undefined
}

/** Every type of a shipment's event. */
export const shipmentEventTypes = Object.keys(statusAfterEvent) as ReadonlyArray<ShipmentEventType>

/** Whether a type is one of a shipment's. */
export const isShipmentEventType = (type: string): type is ShipmentEventType => Object.hasOwn(statusAfterEvent, type)
