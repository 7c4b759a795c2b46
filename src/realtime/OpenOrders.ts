import { type Cause, Clock, Deferred, Duration, Effect, FiberSet, Metric, Schedule } from "effect"
import type { SqlError } from "effect/sql"
import { Limits } from "../config/Limits.ts"
import { MarkerRepo } from "../persistence/MarkerRepo.ts"
import { TrackingRepo } from "../persistence/TrackingRepo.ts"
import { OrderChannel } from "./OrderChannel.ts"

/** Why an order could not be opened: there is none, or the database did not answer. */
export type OpenFailure = "order_absent" | SqlError.SqlError | Cause.TimeoutError

/** Channels by the driver whose place they tell. */
class DriverIndex {
  private readonly byDriver = new Map<string, Set<OrderChannel>>()

  of(driverId: string): ReadonlySet<OrderChannel> | undefined {
    return this.byDriver.get(driverId)
  }

  /** The channel's driver, who was `before`, may be another one now. */
  follow(channel: OrderChannel, before: string | undefined): void {
    const after = channel.driverId
    if (before === after) return
    if (before !== undefined) this.forget(before, channel)
    if (after === undefined) return
    const channels = this.byDriver.get(after) ?? new Set()
    channels.add(channel)
    this.byDriver.set(after, channels)
  }

  forget(driverId: string, channel: OrderChannel): void {
    const channels = this.byDriver.get(driverId)
    channels?.delete(channel)
    if (channels?.size === 0) this.byDriver.delete(driverId)
  }
}

const loads = Metric.counter("dropmate_order_loads_total", {
  incremental: true,
  description: "Times a tracked order was read; many watchers of one order need one"
})

/**
 * The orders that a node holds ready: each is read once for all who ask, and again whenever its doorbell rings.
 *
 * Tricky interleavings
 * - An event is committed while an order is opened or read again: the ring is kept, and it is read once more.
 * - Whoever asked first leaves before the reading is done: it belongs to nobody, and the others get it.
 * - An order is closed and opened anew while it is being read again: the old reading is thrown away.
 */
export const makeOpenOrders = Effect.gen(function* () {
  const limits = yield* Limits
  const repo = yield* TrackingRepo
  const markers = yield* MarkerRepo
  const clock = yield* Clock.Clock
  const fork = yield* FiberSet.makeRuntime()
  const channels = new Map<string, OrderChannel>()
  const opening = new Map<string, Deferred.Deferred<OrderChannel, OpenFailure>>()
  /** Orders whose doorbell rang since their last reading began. */
  const rung = new Set<string>()
  /** Orders that a fiber is reading again. */
  const rereading = new Set<string>()
  const drivers = new DriverIndex()

  const load = (orderId: string) =>
    Effect.andThen(Metric.update(loads, 1), repo.load(orderId)).pipe(
      Effect.timeout(Duration.millis(limits.databaseConnectMs))
    )

  /** Gives channels the committed places of their drivers. */
  const placeFromDatabase = (wanting: ReadonlyArray<OrderChannel>) => {
    const driverIds = [...new Set(wanting.flatMap((channel) => channel.driverId ?? []))]
    if (driverIds.length === 0) return Effect.void
    return markers.latest(driverIds).pipe(
      Effect.timeout(Duration.millis(limits.databaseConnectMs)),
      Effect.map((places) => {
        const now = clock.currentTimeMillisUnsafe()
        for (const channel of wanting) {
          const place = channel.driverId === undefined ? undefined : places.get(channel.driverId)
          if (place !== undefined) channel.move(place, now)
        }
      })
    )
  }

  const begin = (orderId: string) =>
    Effect.gen(function* () {
      // What rang before this reading is in it.
      rung.delete(orderId)
      const order = yield* load(orderId)
      if (order === undefined) return yield* Effect.fail("order_absent" as const)
      const channel = new OrderChannel(order, limits.nearbyM, clock.currentTimeMillisUnsafe())
      yield* placeFromDatabase([channel])
      channels.set(orderId, channel)
      drivers.follow(channel, undefined)
      if (rung.has(orderId)) refresh(orderId)
      return channel
    })

  const open = (orderId: string): Effect.Effect<OrderChannel, OpenFailure> =>
    Effect.suspend(() => {
      const known = channels.get(orderId)
      if (known !== undefined) return Effect.succeed(known)
      const underWay = opening.get(orderId)
      if (underWay !== undefined) return Deferred.await(underWay)
      const opened = Deferred.makeUnsafe<OrderChannel, OpenFailure>()
      opening.set(orderId, opened)
      fork(
        Effect.onExit(begin(orderId), (exit) =>
          Effect.sync(() => {
            opening.delete(orderId)
            Deferred.doneUnsafe(opened, exit)
          })
        )
      )
      return Deferred.await(opened)
    })

  const reread = (orderId: string) =>
    Effect.gen(function* () {
      for (;;) {
        const channel = channels.get(orderId)
        // Closed meanwhile: if it is being opened anew, the ring is for that reading.
        if (channel === undefined || !rung.delete(orderId)) return
        const order = yield* load(orderId)
        if (channels.get(orderId) !== channel) {
          rung.add(orderId)
        } else if (order === undefined) close(orderId, channel)
        else {
          const before = channel.driverId
          channel.update(order, clock.currentTimeMillisUnsafe())
          drivers.follow(channel, before)
          if (channel.driverId !== before || channel.showsPosition) yield* placeFromDatabase([channel])
        }
      }
    }).pipe(
      Effect.tapError((error) => {
        rung.add(orderId)
        return Effect.logDebug("order_read_failed", error)
      }),
      Effect.retry(Schedule.spaced("500 millis")),
      Effect.ensuring(
        Effect.sync(() => {
          rereading.delete(orderId)
          if (rung.has(orderId)) refresh(orderId)
        })
      )
    )

  /** The order's doorbell rang. Reads it again if it is open, and once more if it rings meanwhile. */
  const refresh = (orderId: string): void => {
    const isOpen = channels.has(orderId)
    if (!isOpen && !opening.has(orderId)) return void rung.delete(orderId)
    rung.add(orderId)
    if (!isOpen || rereading.has(orderId)) return
    rereading.add(orderId)
    fork(reread(orderId))
  }

  /** Forgets an order; its subscribers are told that it is over. */
  const close = (orderId: string, channel: OrderChannel): void => {
    channels.delete(orderId)
    if (channel.driverId !== undefined) drivers.forget(channel.driverId, channel)
    channel.end()
  }

  return {
    channels: channels as ReadonlyMap<string, OrderChannel>,
    open,
    refresh,
    /** Rings may have been missed: everything is read again, also what is being opened right now. */
    refreshAll: () => {
      for (const orderId of [...channels.keys(), ...opening.keys()]) refresh(orderId)
    },
    close,
    placeFromDatabase,
    withDriver: (driverId: string) => drivers.of(driverId)
  }
})
