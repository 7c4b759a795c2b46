import { type Cause, Context, Effect, Layer } from "effect"
import type { SqlError } from "effect/sql"
import type { AssignmentStatus } from "../../domain/Assignment.ts"
import type { Visit } from "../../domain/Eta.ts"
import type { OrderStatus } from "../../domain/Order.ts"
import type { ShipmentStatus } from "../../domain/Shipment.ts"
import { DatabaseUrl, SystemDatabase } from "../Database.ts"
import { followNotices, type NoticeListener } from "../Notices.ts"
import { makeTrackedReading } from "./TrackedReading.ts"

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
  /** What the customer ordered: the shop's number, when it gave one, and what is in the parcel. Left out where nobody asks. */
  readonly contents?: {
    readonly number?: string
    readonly items: ReadonlyArray<{ readonly name: string; readonly quantity: number }>
  }
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
  /** Where the driver stops before, in order. Changes without an event of this order. */
  readonly stopsAhead: ReadonlyArray<Visit>
  /** When the shipment was promised to come. */
  readonly promised?: { readonly startMs: number | undefined; readonly endMs: number }
  /** The customer must tell the driver a PIN. */
  readonly isPinRequired?: true
  /** The committed estimate. */
  readonly keptEta?: { readonly p50At: number; readonly computedAt: number }
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

/** Reads what the tracking and fleet streams tell. On the system's pool: a tracking token names no principal. */
export class TrackingRepo extends Context.Service<
  TrackingRepo,
  {
    /** By SHA-256 of the token (32 bytes); undefined when no session has it. */
    readonly byToken: (
      tokenHash: Uint8Array
    ) => Effect.Effect<TrackingGrant | undefined, SqlError.SqlError | Cause.TimeoutError>
    /** Those of some tracking sessions, by id, that are there and not revoked. */
    readonly unrevoked: (sessionIds: ReadonlyArray<string>) => Effect.Effect<ReadonlySet<string>, SqlError.SqlError>
    /** State and timeline in one statement, so that `offset` is exact; undefined when there is no such order. */
    readonly load: (orderId: string) => Effect.Effect<TrackedOrder | undefined, SqlError.SqlError | Cause.TimeoutError>
    /** For each of some orders that have a driver: where that driver stops before; orders without such stops are left out. */
    readonly stopsAhead: (
      orderIds: ReadonlyArray<string>
    ) => Effect.Effect<ReadonlyMap<string, TrackedOrder["stopsAhead"]>, SqlError.SqlError>
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
    /** Every driver who has something to do. Kept current by `watchOrders`. */
    readonly driverLoads: () => Effect.Effect<ReadonlyArray<DriverLoad>, SqlError.SqlError>
  }
>()("dropmate/persistence/tracking/TrackingRepo") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const sql = yield* SystemDatabase
      const url = yield* DatabaseUrl

      return {
        ...(yield* makeTrackedReading),
        unrevoked: Effect.fn("TrackingRepo.unrevoked")(function* (sessionIds: ReadonlyArray<string>) {
          const rows = yield* sql<{ readonly id: string }>`SELECT id FROM tracking_sessions
            WHERE id IN (SELECT jsonb_array_elements_text(${JSON.stringify(sessionIds)}::text::jsonb)::uuid) AND revoked_at IS NULL`
          return new Set(rows.map(({ id }) => id))
        }),
        watchOrders: (listener) => followNotices(url, "dropmate_orders", listener),
        watchRevoked: (listener) => followNotices(url, "dropmate_tracking", listener),
        driverLoads: Effect.fn("TrackingRepo.driverLoads")(function* () {
          const rows =
            yield* sql<LoadRow>`SELECT a.driver_id, bool_or(s.status IN ('picked_up', 'en_route', 'arrived')) AS is_carrying,
              array_agg(s.id::text ORDER BY a.schedule_sequence) AS shipment_ids
            FROM driver_assignments a JOIN shipments s ON s.id = a.shipment_id
            WHERE a.status IN ('accepted', 'en_route', 'arrived') AND a.driver_id IS NOT NULL
            GROUP BY a.driver_id`
          return rows.map(
            (row): DriverLoad => ({
              driverId: row.driver_id,
              load: row.is_carrying ? "carrying" : "assigned",
              shipmentIds: row.shipment_ids
            })
          )
        })
      }
    })
  )
}

interface LoadRow {
  readonly driver_id: string
  readonly is_carrying: boolean
  readonly shipment_ids: ReadonlyArray<string>
}
