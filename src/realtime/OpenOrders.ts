import { type Cause, Deferred, Duration, Effect, Metric, Schedule } from "effect"
import type { SqlError } from "effect/sql"
import type { Limits } from "../config/Limits.ts"
import type { MarkerRepo } from "../persistence/drivers/MarkerRepo.ts"
import type { TrackingRepo } from "../persistence/tracking/TrackingRepo.ts"
import { ChannelsByDriver } from "./ChannelsByDriver.ts"
import { OrderChannel } from "./OrderChannel.ts"

/** Why an order could not be opened: there is none, or the database did not answer. */
export type OpenFailure = "order_absent" | SqlError.SqlError | Cause.TimeoutError

const loads = Metric.counter("dropmate_order_loads_total", {
  incremental: true,
  description: "Times a tracked order was read; many watchers of one order need one"
})

/** What the open orders work with. */
export interface OpenOrdersNeeds {
  readonly limits: Limits
  readonly repo: TrackingRepo["Service"]
  readonly markers: MarkerRepo["Service"]
  /** The server's clock, Unix ms. */
  readonly now: () => number
  /** Starts a reading that belongs to nobody who asked. */
  readonly fork: (effect: Effect.Effect<unknown, unknown>) => void
  /** The PIN of an order's delivery; undefined where nobody knows it. */
  readonly pinOf: (orderId: string) => string | undefined
}

/**
 * The orders that a node holds ready: each is read once for all who ask, and again whenever its doorbell rings.
 *
 * Tricky interleavings
 * - An event is committed while an order is opened or read again: the ring is kept, and it is read once more.
 * - Whoever asked first leaves before the reading is done: it belongs to nobody, and the others get it.
 * - An order is closed and opened anew while it is being read again: the old reading is thrown away.
 */
export class OpenOrders {
  private readonly open = new Map<string, OrderChannel>()
  private readonly opening = new Map<string, Deferred.Deferred<OrderChannel, OpenFailure>>()
  /** Orders whose doorbell rang since their last reading began. */
  private readonly rung = new Set<string>()
  /** Orders that a fiber is reading again. */
  private readonly rereading = new Set<string>()
  private readonly drivers = new ChannelsByDriver()
  private readonly needs: OpenOrdersNeeds

  constructor(needs: OpenOrdersNeeds) {
    this.needs = needs
  }

  get channels(): ReadonlyMap<string, OrderChannel> {
    return this.open
  }

  withDriver(driverId: string): ReadonlySet<OrderChannel> | undefined {
    return this.drivers.of(driverId)
  }

  /** The order's channel; the first who asks has it read for all. */
  channelOf(orderId: string): Effect.Effect<OrderChannel, OpenFailure> {
    return Effect.suspend(() => {
      const known = this.open.get(orderId)
      if (known !== undefined) return Effect.succeed(known)
      const underWay = this.opening.get(orderId)
      if (underWay !== undefined) return Deferred.await(underWay)
      const opened = Deferred.makeUnsafe<OrderChannel, OpenFailure>()
      this.opening.set(orderId, opened)
      this.needs.fork(
        Effect.onExit(this.begin(orderId), (exit) =>
          Effect.sync(() => {
            this.opening.delete(orderId)
            Deferred.doneUnsafe(opened, exit)
          })
        )
      )
      return Deferred.await(opened)
    })
  }

  /** The order's doorbell rang. Reads it again if it is open, and once more if it rings meanwhile. */
  refresh(orderId: string): void {
    const isOpen = this.open.has(orderId)
    if (!isOpen && !this.opening.has(orderId)) return void this.rung.delete(orderId)
    this.rung.add(orderId)
    if (!isOpen || this.rereading.has(orderId)) return
    this.rereading.add(orderId)
    this.needs.fork(this.reread(orderId))
  }

  /** Rings may have been missed: everything is read again, also what is being opened right now. */
  refreshAll(): void {
    for (const orderId of [...this.open.keys(), ...this.opening.keys()]) this.refresh(orderId)
  }

  /** Forgets an order; its subscribers are told that it is over. */
  close(orderId: string, channel: OrderChannel): void {
    this.open.delete(orderId)
    if (channel.driverId !== undefined) this.drivers.forget(channel.driverId, channel)
    channel.end()
  }

  /** Gives channels the committed places of their drivers. */
  placeFromDatabase(wanting: ReadonlyArray<OrderChannel>): Effect.Effect<void, SqlError.SqlError | Cause.TimeoutError> {
    const { limits, markers, now } = this.needs
    const driverIds = [...new Set(wanting.flatMap((channel) => channel.driverId ?? []))]
    if (driverIds.length === 0) return Effect.void
    return markers.latest(driverIds).pipe(
      Effect.timeout(Duration.millis(limits.databaseConnectMs)),
      Effect.map((places) => {
        for (const channel of wanting) {
          const place = channel.driverId === undefined ? undefined : places.get(channel.driverId)
          if (place !== undefined) channel.move(place, now())
        }
      })
    )
  }

  /** Asks again where the drivers of channels stop before; an order hears nothing of what its driver does for others. */
  stopsFromDatabase(
    underWay: ReadonlyArray<OrderChannel>
  ): Effect.Effect<void, SqlError.SqlError | Cause.TimeoutError> {
    if (underWay.length === 0) return Effect.void
    const { limits, now, repo } = this.needs
    const asked = underWay.map((channel) => ({ channel, order: channel.order }))
    return repo.stopsAhead(asked.map(({ order }) => order.orderId)).pipe(
      Effect.timeout(Duration.millis(limits.databaseConnectMs)),
      Effect.map((stops) => {
        // An order that was read again meanwhile knows better.
        for (const { channel, order } of asked)
          if (channel.order === order) channel.stopBefore(stops.get(order.orderId) ?? [], now())
      })
    )
  }

  private load(orderId: string) {
    const { limits, repo } = this.needs
    return Effect.andThen(Metric.update(loads, 1), repo.load(orderId)).pipe(
      Effect.timeout(Duration.millis(limits.databaseConnectMs))
    )
  }

  private begin(orderId: string): Effect.Effect<OrderChannel, OpenFailure> {
    return Effect.gen({ self: this }, function* () {
      const { limits, now, pinOf } = this.needs
      // What rang before this reading is in it.
      this.rung.delete(orderId)
      const order = yield* this.load(orderId)
      if (order === undefined) return yield* Effect.fail("order_absent" as const)
      const channel = new OrderChannel(order, limits, now(), pinOf)
      yield* this.placeFromDatabase([channel])
      this.open.set(orderId, channel)
      this.drivers.follow(channel, undefined)
      if (this.rung.has(orderId)) this.refresh(orderId)
      return channel
    })
  }

  private reread(orderId: string): Effect.Effect<void> {
    return this.readWhileRung(orderId).pipe(
      Effect.tapError((error) => {
        this.rung.add(orderId)
        return Effect.logDebug("order_read_failed", error)
      }),
      Effect.retry(Schedule.spaced("500 millis")),
      Effect.ensuring(
        Effect.sync(() => {
          this.rereading.delete(orderId)
          if (this.rung.has(orderId)) this.refresh(orderId)
        })
      ),
      Effect.orDie
    )
  }

  private readWhileRung(orderId: string): Effect.Effect<void, SqlError.SqlError | Cause.TimeoutError> {
    return Effect.gen({ self: this }, function* () {
      for (;;) {
        const channel = this.open.get(orderId)
        // Closed meanwhile: if it is being opened anew, the ring is for that reading.
        if (channel === undefined || !this.rung.delete(orderId)) return
        const order = yield* this.load(orderId)
        if (this.open.get(orderId) !== channel) this.rung.add(orderId)
        else if (order === undefined) this.close(orderId, channel)
        else {
          const before = channel.driverId
          channel.update(order, this.needs.now())
          this.drivers.follow(channel, before)
          if (channel.driverId !== before || channel.showsPosition) yield* this.placeFromDatabase([channel])
        }
      }
    })
  }
}
