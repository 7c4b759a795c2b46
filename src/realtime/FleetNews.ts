import { Clock, Deferred, Duration, Effect, FiberSet, Layer, Schedule } from "effect"
import { Limits } from "../config/Limits.ts"
import { type FleetEventRow, FleetRepo } from "../persistence/drivers/FleetRepo.ts"
import { FleetHub } from "./FleetHub.ts"
import { OrderBell } from "./OrderBell.ts"

/** Which events were told lately: of each order all up to a number. */
class ToldEvents {
  private readonly orders = new Map<string, { readonly eventNo: number; readonly at: number }>()

  /** Notes an event; false when it was told before. */
  note({ orderId, eventNo }: FleetEventRow, now: number): boolean {
    if (eventNo <= (this.orders.get(orderId)?.eventNo ?? 0)) return false
    this.orders.set(orderId, { eventNo, at: now })
    return true
  }

  /** Forgets orders that nothing was told of since `before`. */
  prune(before: number): void {
    for (const [orderId, { at }] of this.orders) if (at < before) this.orders.delete(orderId)
  }
}

/**
 * Tells consoles what happens to orders and their shipments, on whichever node: EVENT of the fleet stream. A commit rings the orders'
 * doorbell; what is new in the log is then read, for all orders that rang meanwhile in one statement, and the log alone decides what is
 * told.
 *
 * Tricky interleavings
 * - The doorbell's connection is lost, or a reading fails: everything since the last moment at which nothing was owed is looked
 *   through, and what was told already is known by its number.
 * - An event is committed long after it was made, by a slow transaction: readings look back `fleetEventsSlackMs`.
 * - What was committed before this node listened is noted without being told; nobody is connected yet.
 */
export const FleetNews = Layer.effectDiscard(
  Effect.gen(function* () {
    const limits = yield* Limits
    const repo = yield* FleetRepo
    const hub = yield* FleetHub
    const clock = yield* Clock.Clock
    const now = () => clock.currentTimeMillisUnsafe()
    const fork = yield* FiberSet.makeRuntime()
    const begun = yield* Deferred.make<void>()
    const told = new ToldEvents()
    const rung = new Set<string>()
    let isAllRung = false
    let isReading = false
    let isTelling = false
    /** Everything that was committed before has been told. */
    let wholeUntil = now()
    /** Everything that was committed before has rung. */
    let rungUntil = wholeUntil

    const tell = (rows: ReadonlyArray<FleetEventRow>): void => {
      const at = now()
      for (const row of rows) {
        if (!told.note(row, at) || !isTelling) continue
        const { orderId, shipmentId, type, occurredAtMs, data } = row
        hub.publish({ orderId, shipmentId, type, occurredAt: occurredAtMs, data })
      }
      told.prune(wholeUntil - 2 * limits.fleetEventsSlackMs)
    }
    const readRung = Effect.gen(function* () {
      while (isAllRung || rung.size > 0) {
        const [from, orderIds] = isAllRung ? [wholeUntil, undefined] : [now(), [...rung]]
        // A busy city never rests: what rang before this reading is told by it, whatever rings meanwhile.
        const tellsUntil = rungUntil
        isAllRung = false
        rung.clear()
        tell(
          yield* repo
            .eventsSince(from - limits.fleetEventsSlackMs, orderIds)
            .pipe(Effect.timeout(Duration.millis(limits.databaseConnectMs)))
        )
        wholeUntil = Math.max(wholeUntil, tellsUntil)
        Deferred.doneUnsafe(begun, Effect.void)
        // Whoever rings meanwhile is read with the others.
        yield* Effect.sleep(Duration.millis(limits.fleetNewsGatherMs))
      }
      isReading = false
    }).pipe(
      Effect.tapError((error) => {
        isAllRung = true
        return Effect.logDebug("fleet_events_not_read", error)
      }),
      Effect.retry(Schedule.spaced("500 millis"))
    )
    const ring = (): void => {
      if (isReading) return
      isReading = true
      fork(readRung)
    }

    const bell = yield* OrderBell
    bell.listen({
      caughtUp: () => {
        isAllRung = true
        ring()
      },
      noticed: (orderId) => {
        rung.add(orderId)
        ring()
      },
      alive: () => {
        rungUntil = now()
        if (!isReading) wholeUntil = rungUntil
      }
    })
    yield* Deferred.await(begun).pipe(Effect.timeoutOption(Duration.millis(limits.databaseConnectMs)))
    isTelling = true
  })
)
