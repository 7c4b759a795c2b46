import { Context, Effect, Layer } from "effect"
import type { SqlError } from "effect/sql"
import { uuidV7 } from "../../domain/Ids.ts"
import type { DutyChange } from "../../domain/TelemetryRules.ts"
import { SystemDatabase } from "../Database.ts"

/** A driver by what is committed: where they were last, and whether another node holds their phone. Times are Unix ms. */
export interface StandingDriver {
  readonly driverId: string
  readonly name: string
  readonly duty: DutyChange["duty"] | undefined
  /** A session of another node is open, and was heard of lately. */
  readonly isConnectedElsewhere: boolean
  readonly recordedAt: number
  readonly receivedAt: number
  readonly latE7: number
  readonly lngE7: number
  /** NaN when unknown. */
  readonly speedCms: number
  readonly headingCdeg: number
}

/** Which drivers to read. Unix ms. */
export interface StandingRequest {
  /** Sessions of this node are not "elsewhere". */
  readonly node: string
  /** Everybody whose marker was received since. */
  readonly receivedSinceMs: number
  /** An open session that was not heard of since belongs to a node that is gone. */
  readonly touchedSinceMs: number
}

/** One event of an order or its shipment, as consoles are told. */
export interface FleetEventRow {
  readonly orderId: string
  /** The order's event number. */
  readonly eventNo: number
  /** The order's shipment, also where the event is about something else of the order; undefined until there is one. */
  readonly shipmentId: string | undefined
  readonly type: string
  readonly occurredAtMs: number
  readonly data: Readonly<Record<string, unknown>>
}

/** What the fleet's consoles are told of what is committed, by any node. */
export class FleetRepo extends Context.Service<
  FleetRepo,
  {
    readonly standing: (request: StandingRequest) => Effect.Effect<ReadonlyArray<StandingDriver>, SqlError.SqlError>
    /** The names of drivers; those that do not exist are left out. */
    readonly namesOf: (
      driverIds: ReadonlyArray<string>
    ) => Effect.Effect<ReadonlyMap<string, string>, SqlError.SqlError>
    /** Events that were made since (by the clock of the node that made them), of some orders or of all; each order's in order. */
    readonly eventsSince: (
      sinceMs: number,
      orderIds: ReadonlyArray<string> | undefined
    ) => Effect.Effect<ReadonlyArray<FleetEventRow>, SqlError.SqlError>
  }
>()("dropmate/persistence/drivers/FleetRepo") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const sql = yield* SystemDatabase

      const standing = Effect.fn("FleetRepo.standing")(function* (request: StandingRequest) {
        const rows = yield* sql<StandingRow>`WITH elsewhere AS (
            SELECT DISTINCT driver_id FROM driver_sessions
            WHERE ended_at IS NULL AND last_seen > ${new Date(request.touchedSinceMs)}::timestamptz AND node <> ${request.node}
          )
          SELECT DISTINCT ON (c.driver_id) c.driver_id, u.name, d.duty, e.driver_id IS NOT NULL AS is_elsewhere,
            c.marker_recorded_at AS recorded_at, c.marker_received_at AS received_at, c.marker_lat AS lat, c.marker_lng AS lng,
            c.marker_speed AS speed, c.marker_heading AS heading
          FROM driver_ingest_cursors c JOIN drivers d ON d.id = c.driver_id JOIN users u ON u.id = d.user_id
            LEFT JOIN elsewhere e ON e.driver_id = c.driver_id
          WHERE c.marker_recorded_at IS NOT NULL AND d.deleted_at IS NULL
            AND (c.marker_received_at > ${new Date(request.receivedSinceMs)}::timestamptz OR e.driver_id IS NOT NULL)
          ORDER BY c.driver_id, c.marker_recorded_at DESC, c.marker_received_at DESC, c.device_no DESC`
        return rows.map(standingDriver)
      })

      const namesOf = Effect.fn("FleetRepo.namesOf")(function* (driverIds: ReadonlyArray<string>) {
        const rows = yield* sql<{ readonly id: string; readonly name: string }>`SELECT d.id, u.name
          FROM drivers d JOIN users u ON u.id = d.user_id
          WHERE d.id IN (SELECT jsonb_array_elements_text(${JSON.stringify(driverIds)}::text::jsonb)::uuid) AND d.deleted_at IS NULL`
        return new Map(rows.map(({ id, name }) => [id, name]))
      })

      const eventsSince = Effect.fn("FleetRepo.eventsSince")(function* (
        sinceMs: number,
        orderIds: ReadonlyArray<string> | undefined
      ) {
        // Event ids rise with time: their index finds the newest without one on recorded_at, which only tells partitions apart.
        // Words and payments belong to the order, and so have no shipment in their row: an order has one at most.
        const firstId = uuidV7(sinceMs, noRandom)
        const ofOrders =
          orderIds === undefined
            ? sql``
            : sql`AND e.order_id IN (SELECT jsonb_array_elements_text(${JSON.stringify(orderIds)}::text::jsonb)::uuid)`
        const rows =
          yield* sql<EventRow>`SELECT e.order_id, e.event_no::integer AS event_no, e.type, e.occurred_at, e.data,
            (SELECT s.id FROM shipments s WHERE s.order_id = e.order_id) AS shipment_id
          FROM shipment_events e
          WHERE e.id >= ${firstId}::uuid AND e.recorded_at > ${new Date(sinceMs - clockDifferenceMs)}::timestamptz ${ofOrders}
          ORDER BY e.recorded_at, e.order_id, e.event_no`
        return rows.map(
          (row): FleetEventRow => ({
            orderId: row.order_id,
            eventNo: row.event_no,
            shipmentId: row.shipment_id ?? undefined,
            type: row.type,
            occurredAtMs: row.occurred_at.getTime(),
            data: row.data
          })
        )
      })

      return { standing, namesOf, eventsSince }
    })
  )
}

const noRandom = new Uint8Array(10)

/** `recorded_at` is by PostgreSQL's clock and `id` by the node's; far more than they may differ. */
const clockDifferenceMs = 3_600_000

interface EventRow {
  readonly order_id: string
  readonly event_no: number
  readonly shipment_id: string | null
  readonly type: string
  readonly occurred_at: Date
  readonly data: Readonly<Record<string, unknown>>
}

interface StandingRow {
  readonly driver_id: string
  readonly name: string
  readonly duty: DutyChange["duty"] | null
  readonly is_elsewhere: boolean
  readonly recorded_at: Date
  readonly received_at: Date
  readonly lat: number
  readonly lng: number
  readonly speed: number | null
  readonly heading: number | null
}

const hundredths = (value: number | null): number => (value === null ? Number.NaN : Math.round(value * 100))

const standingDriver = (row: StandingRow): StandingDriver => ({
  driverId: row.driver_id,
  name: row.name,
  duty: row.duty ?? undefined,
  isConnectedElsewhere: row.is_elsewhere,
  recordedAt: row.recorded_at.getTime(),
  receivedAt: row.received_at.getTime(),
  latE7: Math.round(row.lat * 1e7),
  lngE7: Math.round(row.lng * 1e7),
  speedCms: hundredths(row.speed),
  headingCdeg: hundredths(row.heading)
})
