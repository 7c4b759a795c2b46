import { Clock, Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { Actor } from "../../domain/Actor.ts"
import type { EventType } from "../../domain/EventCatalog.ts"
import { newIds } from "../NewId.ts"

/** An event to keep. `version` is the shipment's after it; absent for an order's own. */
export interface NewEvent {
  readonly type: EventType
  /** Its JSON is kept. */
  readonly data: object
  readonly shipment?: { readonly shipmentId: string; readonly version: number }
}

/** Where events come from. `occurredAt` is event time; a phone's may lie long before now. */
export interface EventOrigin {
  readonly actor: Actor
  /** The request or command that they follow from. */
  readonly cause: string
  readonly occurredAt: Date
}

/** One row of the log. */
export interface EventRow {
  readonly id: string
  readonly event_no: number
  readonly shipment_id: string | null
  readonly version: number | null
  readonly type: string
  readonly occurred_at: Date
  readonly recorded_at: Date
  readonly actor_kind: Actor["kind"]
  readonly actor_id: string | null
  readonly cause: string
  readonly data: Readonly<Record<string, unknown>>
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = sql`id, event_no::integer AS event_no, shipment_id, version::integer AS version, type, occurred_at, recorded_at,
    actor_kind, actor_id, cause, data`

  const knownMonths = new Set<string>()
  // PartitionKeeper makes months ahead; this is for a server that slept through them. A month made here is not remembered, since the
  // transaction that made it may roll back.
  const ensureMonth = Effect.gen(function* () {
    const month = new Date(yield* Clock.currentTimeMillis).toISOString().slice(0, 7)
    if (knownMonths.has(month)) return
    const [row] = yield* sql<{ made: boolean }>`SELECT ensure_month('shipment_events', now()::date) AS made`
    if (row?.made === false) knownMonths.add(month)
  })

  /**
   * Appends events to an order's log, numbered on from its last under the row's lock; their outbox rows and notices are made by a trigger.
   * Runs in the caller's transaction, which holds the order's row. Answers the number of the last one.
   */
  const append = Effect.fn("ShipmentEventRepo.append")(function* (
    orderId: string,
    events: ReadonlyArray<NewEvent>,
    origin: EventOrigin
  ) {
    if (events.length > 0) yield* ensureMonth
    const ids = yield* newIds(events.length)
    const rows = events.map(({ type, data, shipment }, index) => ({
      id: ids[index],
      position: index + 1,
      shipment_id: shipment?.shipmentId ?? null,
      version: shipment?.version ?? null,
      type,
      data
    }))
    const numbered = yield* sql<{ last_event_no: number }>`WITH numbered AS (
        UPDATE orders SET last_event_no = last_event_no + ${events.length} WHERE id = ${orderId} RETURNING last_event_no
      ), kept AS (
        INSERT INTO shipment_events
          (id, order_id, event_no, shipment_id, version, type, occurred_at, actor_kind, actor_id, cause, data)
        SELECT e.id, ${orderId}::uuid, numbered.last_event_no - ${events.length} + e.position, e.shipment_id, e.version, e.type,
          ${origin.occurredAt}::timestamptz, ${origin.actor.kind}::text, ${origin.actor.id ?? null}::uuid, ${origin.cause}::text, e.data
        FROM numbered, jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
          AS e(id uuid, position integer, shipment_id uuid, version bigint, type text, data jsonb)
        ORDER BY e.position
      )
      SELECT last_event_no::integer AS last_event_no FROM numbered`
    return numbered[0]?.last_event_no ?? 0
  })

  /** A shipment's events in order, after a version. */
  const ofShipment = Effect.fn("ShipmentEventRepo.ofShipment")(function* (
    shipmentId: string,
    afterVersion: number,
    limit: number
  ) {
    return yield* sql<EventRow>`SELECT ${columns} FROM shipment_events
      WHERE shipment_id = ${shipmentId} AND version > ${afterVersion} ORDER BY version LIMIT ${limit}`
  })

  /** An order's events in order, its shipment's included. */
  const ofOrder = Effect.fn("ShipmentEventRepo.ofOrder")(function* (orderId: string) {
    return yield* sql<EventRow>`SELECT ${columns} FROM shipment_events WHERE order_id = ${orderId} ORDER BY event_no`
  })

  return { append, ofShipment, ofOrder }
})

/** Keeps the log that orders and shipments follow from. */
export class ShipmentEventRepo extends Context.Service<ShipmentEventRepo>()(
  "dropmate/persistence/shipments/ShipmentEventRepo",
  {
    make
  }
) {
  static readonly layer = Layer.effect(this, this.make)
}
