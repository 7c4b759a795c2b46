import { Context, Effect, Layer } from "effect"
import type { EventType } from "../../domain/EventCatalog.ts"
import { JobsDatabase } from "../Database.ts"
import { systemOn } from "../RowScope.ts"

/** An event as a consumer inside gets it; ids are bare. */
export interface ConsumedEvent {
  readonly id: string
  readonly order_id: string
  readonly event_no: number
  readonly shipment_id: string | null
  readonly type: EventType
  readonly occurred_at: Date
  readonly recorded_at: Date
  readonly data: Readonly<Record<string, unknown>>
}

const make = Effect.gen(function* () {
  const sql = yield* JobsDatabase

  /**
   * Brings a consumer up to an event of an order: every event of `types` that it has not had, up to that one, in order, each once. What it
   * does to the database and how far it has come are one transaction, under a lock of this consumer and order; a failure leaves
   * both as they were. So it does not matter in which order, or how often, events are told of (ADR 0132).
   */
  const catchUp = Effect.fn("EventPositionRepo.catchUp")(function* <E, R>(
    consumer: { readonly name: string; readonly types: ReadonlyArray<EventType> },
    orderId: string,
    eventNo: number,
    handle: (event: ConsumedEvent) => Effect.Effect<void, E, R>
  ) {
    const work = Effect.gen(function* () {
      yield* sql`INSERT INTO event_positions (order_id, consumer, event_no) VALUES (${orderId}, ${consumer.name}, 0)
        ON CONFLICT DO NOTHING`
      const [row] = yield* sql<{ readonly event_no: number }>`SELECT event_no::integer AS event_no FROM event_positions
        WHERE order_id = ${orderId} AND consumer = ${consumer.name} FOR UPDATE`
      const had = row?.event_no ?? 0
      if (had >= eventNo) return
      const events =
        yield* sql<ConsumedEvent>`SELECT id, order_id, event_no::integer AS event_no, shipment_id, type, occurred_at,
          recorded_at, data
        FROM shipment_events WHERE order_id = ${orderId} AND event_no > ${had} AND event_no <= ${eventNo}
          AND type IN (SELECT jsonb_array_elements_text(${JSON.stringify(consumer.types)}::text::jsonb)) ORDER BY event_no`
      yield* Effect.forEach(events, handle, { discard: true })
      yield* sql`UPDATE event_positions SET event_no = ${eventNo} WHERE order_id = ${orderId} AND consumer = ${consumer.name}`
    })
    return yield* systemOn(sql)(work)
  })

  return { catchUp }
})

/** Keeps how far each consumer inside has come with each order. */
export class EventPositionRepo extends Context.Service<EventPositionRepo>()(
  "dropmate/persistence/outbox/EventPositionRepo",
  {
    make
  }
) {
  static readonly layer = Layer.effect(this, this.make)
}
