import { Context, Effect, Layer } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import type { AssignmentStatus } from "../domain/Assignment.ts"
import type { OrderStatus } from "../domain/Order.ts"
import type { ShipmentStatus } from "../domain/Shipment.ts"
import { DatabaseUrl } from "./Database.ts"
import { followNotices, type NoticeListener } from "./Notices.ts"
import { inRowScope, systemScope } from "./RowScope.ts"

/** What a tracking token opens. Whether it still does is the caller's to judge by its own clock. */
export interface TrackingGrant {
  readonly sessionId: string
  readonly orderId: string
  readonly expiresAtMs: number
  readonly revokedAtMs: number | undefined
}

/** One row of an order's log. `data` is what staff see: show customers `customerEvent` of it (src/domain/CustomerEvent.ts). */
export interface TrackedEvent {
  /** The order's event number: rising, exact, starting at 1. */
  readonly offset: number
  /** `order.*` or `shipment.*`. */
  readonly type: string
  readonly occurredAtMs: number
  readonly data: Readonly<Record<string, unknown>>
  readonly isForCustomer: boolean
}

/** A driver as a customer may know one. */
export interface TrackedDriver {
  readonly driverId: string
  readonly firstName: string
  readonly vehicle?: { readonly type: string; readonly colour?: string; readonly plateHint?: string }
}

/** An order with all that its customer's page is made from, read in one snapshot. Nothing in it is filtered by stage yet. */
export interface TrackedOrder {
  readonly orderId: string
  readonly orderStatus: OrderStatus
  /** Changes only when the order's log was rebuilt. */
  readonly epoch: number
  /** Number of the newest event that this state includes; 0 for none. */
  readonly offset: number
  readonly shipmentId?: string
  readonly shipmentStatus?: ShipmentStatus
  /** Of the assignment that carries the shipment; absent when none does. */
  readonly assignmentStatus?: AssignmentStatus
  readonly driver?: TrackedDriver
  /** The drop-off, degrees. */
  readonly destination: { readonly lat: number; readonly lng: number }
  /** When the order ended (delivered, returned, cancelled), by the server's clock: completion + grace counts from here. */
  readonly completedAtMs?: number
  readonly timeline: ReadonlyArray<TrackedEvent>
}

/** What a driver is doing now, for the fleet map. */
export interface DriverLoad {
  readonly driverId: string
  /** `carrying` once a parcel of theirs is picked up; else `assigned`. */
  readonly load: "assigned" | "carrying"
  readonly shipmentIds: ReadonlyArray<string>
}

/** Reads what the tracking and fleet streams tell. Works in the system's row scope: a tracking token names no principal. */
export class TrackingRepo extends Context.Service<
  TrackingRepo,
  {
    /** By SHA-256 of the token (32 bytes); undefined when no session has it. */
    readonly byToken: (tokenHash: Uint8Array) => Effect.Effect<TrackingGrant | undefined, SqlError.SqlError>
    /** By id, as `watchRevoked` tells one; undefined when there is none. */
    readonly byId: (sessionId: string) => Effect.Effect<TrackingGrant | undefined, SqlError.SqlError>
    /** State and timeline in one statement, so that `offset` is exact; undefined when there is no such order. */
    readonly load: (orderId: string) => Effect.Effect<TrackedOrder | undefined, SqlError.SqlError>
    /** Every event after `offset`, in order, hidden ones too. */
    readonly eventsAfter: (
      orderId: string,
      offset: number
    ) => Effect.Effect<ReadonlyArray<TrackedEvent>, SqlError.SqlError>
    /**
     * Tells `noticed(orderId)` after each commit that added events to an order, on any node, and `caughtUp()` after each (re)connect:
     * what came in between was not told, so listeners read again. Never ends.
     */
    readonly watchOrders: (listener: NoticeListener) => Effect.Effect<never>
    /** Tells `noticed(sessionId)` of each tracking session that was revoked; `caughtUp()` as above. Never ends. */
    readonly watchRevoked: (listener: NoticeListener) => Effect.Effect<never>
    /** Every driver who has something to do. Kept current by `Shipments.onTold` on this node and by `watchOrders`. */
    readonly driverLoads: () => Effect.Effect<ReadonlyArray<DriverLoad>, SqlError.SqlError>
  }
>()("dropmate/persistence/TrackingRepo") {}
