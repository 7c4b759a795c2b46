import type { AssignmentStatus } from "./Assignment.ts"
import { distanceM } from "./Geo.ts"
import type { ShipmentStatus } from "./Shipment.ts"

/** What a customer's page says about an order, in the order of a delivery. */
export const trackingStages = ["scheduled", "assigned", "on_the_way", "nearby", "arrived", "done"] as const

/** One of the stages. */
export type TrackingStage = (typeof trackingStages)[number]

/** What a stage is judged by. */
export interface StageFacts {
  /** Undefined: the order has no shipment yet. */
  readonly shipmentStatus: ShipmentStatus | undefined
  /** Of the assignment that carries the shipment now; undefined when none does. */
  readonly assignmentStatus: AssignmentStatus | undefined
  /** Whether the order itself was cancelled, which may be before there is any shipment. */
  readonly isOrderCancelled: boolean
  /** From the driver's live place to the drop-off, metres; undefined when the place is not known. */
  readonly distanceM: number | undefined
  /** Within this many metres the driver is nearby. */
  readonly nearbyM: number
}

const stageOfShipment: Readonly<Record<ShipmentStatus, TrackingStage>> = {
  created: "scheduled",
  dispatching: "scheduled",
  assigned: "assigned",
  en_route_to_pickup: "assigned",
  at_pickup: "assigned",
  picked_up: "assigned",
  en_route: "on_the_way",
  arrived: "arrived",
  delivered: "done",
  failed: "done",
  returning: "done",
  returned: "done",
  cancelled: "done"
}

const carrying: ReadonlySet<AssignmentStatus | undefined> = new Set(["accepted", "en_route", "arrived"])

/**
 * The stage of a tracked order. The shipment decides; the assignment must agree before anything about a driver is said, so a
 * shipment that lost its driver falls back to `scheduled` whatever its own status says; and distance turns `on_the_way` into `nearby`.
 */
export const trackingStage = (facts: StageFacts): TrackingStage => {
  if (facts.isOrderCancelled) return "done"
  if (facts.shipmentStatus === undefined) return "scheduled"
  const stage = stageOfShipment[facts.shipmentStatus]
  if (stage === "done" || stage === "scheduled") return stage
  if (!carrying.has(facts.assignmentStatus)) return "scheduled"
  if (stage === "on_the_way" && facts.assignmentStatus !== "en_route") return "assigned"
  const isNear = facts.distanceM !== undefined && facts.distanceM <= facts.nearbyM
  return stage === "on_the_way" && isNear ? "nearby" : stage
}

/** Metres between a live place (degrees x 10^7) and a drop-off (degrees). */
export const distanceToM = (
  latE7: number,
  lngE7: number,
  destination: { readonly lat: number; readonly lng: number }
): number => distanceM(latE7, lngE7, Math.round(destination.lat * 1e7), Math.round(destination.lng * 1e7))

/** What of `state{}` depends on the stage. Everything else of it is the customer's own and always there. */
export type StagedField = "driver" | "position" | "stops_ahead" | "eta" | "delivery_pin"

/**
 * Which fields a stage shows (architecture, section 10): nothing about the driver before assignment, first name and vehicle after,
 * the position only from setting out to this drop-off until the parcel is handed over or the attempt ends; the PIN of the delivery
 * (ADR 0122) as long as somebody may still ask for it. A field that a stage does not show is left out of a frame, never sent as null.
 */
export const fieldsOfStage: Readonly<Record<TrackingStage, ReadonlySet<StagedField>>> = {
  scheduled: new Set(["eta", "delivery_pin"]),
  assigned: new Set(["eta", "driver", "delivery_pin"]),
  on_the_way: new Set(["eta", "driver", "position", "stops_ahead", "delivery_pin"]),
  nearby: new Set(["eta", "driver", "position", "stops_ahead", "delivery_pin"]),
  arrived: new Set(["driver", "position", "delivery_pin"]),
  done: new Set([])
}

/** Whether a stage shows a field. */
export const isShown = (stage: TrackingStage, field: StagedField): boolean => fieldsOfStage[stage].has(field)
