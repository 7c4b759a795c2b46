import { Clock, Context, Duration, Effect, FiberSet, Layer, Metric, Option, Schedule } from "effect"
import { Limits } from "../config/Limits.ts"
import type { Eta } from "../domain/Eta.ts"
import { DeliveryPins } from "../identity/DeliveryPins.ts"
import { MarkerRepo } from "../persistence/drivers/MarkerRepo.ts"
import { type TrackedOrder, TrackingRepo } from "../persistence/tracking/TrackingRepo.ts"
import { CloseCode } from "../protocol/CloseCode.ts"
import { type OpenFailure, OpenOrders } from "./OpenOrders.ts"
import { OrderBell } from "./OrderBell.ts"
import type { LivePlace, OrderChannel, ResumePoint } from "./OrderChannel.ts"
import type { TrackSubscriber } from "./TrackSubscriber.ts"

const channelsOpen = Metric.gauge("dropmate_order_channels", {
  description: "Orders held ready for customers who watch"
})

/** An order that is watched, and when its watchers expect it. */
export interface ToldEstimate {
  readonly order: TrackedOrder
  readonly eta: Eta
}

/** The PINs of deliveries; a hub without them shows none. */
const pinSource = Effect.map(
  Effect.serviceOption(DeliveryPins),
  (pins) =>
    (orderId: string): string | undefined =>
      Option.getOrUndefined(pins)?.pinOf(orderId)
)

/** Links that were revoked a moment ago: who was let in before the notice and subscribes after it is caught by its age. */
class RevokedLinks {
  private readonly heardAt = new Map<string, number>()

  add(sessionId: string, now: number): void {
    this.heardAt.set(sessionId, now)
  }

  has(sessionId: string): boolean {
    return this.heardAt.has(sessionId)
  }

  /** Forgets what was heard before `before`. */
  prune(before: number): void {
    for (const [sessionId, at] of this.heardAt) if (at < before) this.heardAt.delete(sessionId)
  }
}

/** When an order's links die although they have not expired: completion + grace; server clock, ms. */
const endOf = ({ order }: OrderChannel, limits: Limits): number =>
  order.completedAtMs === undefined ? Number.POSITIVE_INFINITY : order.completedAtMs + limits.trackingGraceMs

/**
 * The orders that customers watch on this node. A commit anywhere rings a doorbell (NOTIFY); the order is then read again,
 * whole, in one statement: the database's log is the only source of events, so what any node tells is what happened.
 * Positions come straight from the driver's socket when it is on this node, else from the committed marker, each second.
 *
 * Tricky interleavings (more in OpenOrders)
 * - The doorbell's connection is lost: when it is back everything is read again, what is just being opened included.
 * - A link is revoked between its admission and its subscription: it is remembered for longer than that can take.
 */
export class OrderHub extends Context.Service<
  OrderHub,
  {
    /**
     * Begins a subscriber; it stays until `unsubscribe`. Fails when there is no such order, when its links are dead already, or when
     * its link has as many watchers here as one may have.
     */
    readonly subscribe: (
      orderId: string,
      subscriber: TrackSubscriber,
      resume: ResumePoint
    ) => Effect.Effect<void, OpenFailure | "order_finished" | "link_crowded">
    readonly unsubscribe: (orderId: string, subscriber: TrackSubscriber) => void
    /** Whether somebody watches an order of this driver; asked for each frame. */
    readonly watches: (driverId: string) => boolean
    /** The live place of a driver, from a socket of this node or from the node that has it. */
    readonly moved: (driverId: string, place: LivePlace, now: number) => void
    /** What the watchers of each order here were told of its arrival. */
    readonly estimates: () => Iterable<ToldEstimate>
    /** Says goodbye to every subscriber: the node is going. */
    readonly drain: () => void
  }
>()("dropmate/realtime/OrderHub") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const limits = yield* Limits
      const repo = yield* TrackingRepo
      const clock = yield* Clock.Clock
      const fork = yield* FiberSet.makeRuntime()
      const reads = { limits, repo, markers: yield* MarkerRepo, pinOf: yield* pinSource }
      const now = () => clock.currentTimeMillisUnsafe()
      const orders = new OpenOrders({ ...reads, now, fork: (effect) => void fork(effect) })
      const { channels } = orders
      const revoked = new RevokedLinks()
      /** Nobody is let in later than this after the link was read. */
      const admissionMsMax = 2 * limits.databaseConnectMs

      const tick = Effect.sync(() => {
        const now = clock.currentTimeMillisUnsafe()
        revoked.prune(now - admissionMsMax)
        for (const [orderId, channel] of channels) {
          if (channel.subscribers.size === 0) {
            if (now - channel.idleSince > limits.trackLingerMs) orders.close(orderId, channel)
            continue
          }
          if (now >= endOf(channel, limits)) channel.end()
          for (const { sink, sessionId, expiresAtMs } of channel.subscribers) {
            if (revoked.has(sessionId)) sink.close(CloseCode.trackingRevoked, 0)
            else if (now >= expiresAtMs) sink.close(CloseCode.trackingExpired, 0)
          }
          channel.catchUp(now)
        }
      })
      yield* tick.pipe(Effect.repeat(Schedule.spaced(Duration.millis(limits.trackTickMs))), Effect.forkScoped)

      yield* Effect.suspend(() => {
        const now = clock.currentTimeMillisUnsafe()
        const wanting = [...channels.values()].filter(
          (channel) =>
            channel.subscribers.size > 0 &&
            channel.showsPosition &&
            now - channel.localPlaceAt > 2 * limits.trackRemotePollMs
        )
        return Effect.andThen(Metric.update(channelsOpen, channels.size), orders.placeFromDatabase(wanting))
      }).pipe(
        Effect.catch((error) => Effect.logDebug("remote_places_not_read", error)),
        Effect.repeat(Schedule.spaced(Duration.millis(limits.trackRemotePollMs))),
        Effect.forkScoped
      )

      yield* followStops(orders)
      const bell = yield* OrderBell
      bell.listen({ caughtUp: () => orders.refreshAll(), noticed: (orderId) => orders.refresh(orderId) })
      yield* followRevoked(channels, (sessionId) => revoked.add(sessionId, clock.currentTimeMillisUnsafe()))

      return {
        subscribe: (orderId, subscriber, resume) =>
          Effect.flatMap(orders.channelOf(orderId), (channel) => {
            const now = clock.currentTimeMillisUnsafe()
            if (now >= endOf(channel, limits)) return Effect.fail("order_finished" as const)
            if (channel.watchersOf(subscriber.sessionId) >= limits.trackWatchersPerLinkMax)
              return Effect.fail("link_crowded" as const)
            return Effect.sync(() => channel.join(subscriber, resume, now))
          }),
        unsubscribe: (orderId, subscriber) => channels.get(orderId)?.leave(subscriber, clock.currentTimeMillisUnsafe()),
        watches: (driverId) => orders.withDriver(driverId) !== undefined,
        moved: (driverId, place, now) => {
          for (const channel of orders.withDriver(driverId) ?? []) {
            channel.localPlaceAt = now
            channel.move(place, now)
          }
        },
        estimates: () => toldEstimates(channels),
        drain: () => {
          for (const { subscribers } of channels.values()) {
            for (const { sink } of subscribers) sink.close(CloseCode.draining, limits.retryAfterMs)
          }
        }
      }
    })
  )
}

/**
 * Tells `revoke` of each link that is revoked. After each (re)connect the links in use are read; twice, since somebody may
 * have been let in by an older reading a moment before.
 */
const followRevoked = (channels: ReadonlyMap<string, OrderChannel>, revoke: (sessionId: string) => void) =>
  Effect.gen(function* () {
    const limits = yield* Limits
    const repo = yield* TrackingRepo
    const fork = yield* FiberSet.makeRuntime()
    const recheck = Effect.gen(function* () {
      const inUse = new Set(
        [...channels.values()].flatMap(({ subscribers }) => [...subscribers].map((s) => s.sessionId))
      )
      const unrevoked = yield* repo.unrevoked([...inUse])
      for (const sessionId of inUse) if (!unrevoked.has(sessionId)) revoke(sessionId)
    }).pipe(Effect.catch((error) => Effect.logWarning("revoked_links_not_read", error)))
    yield* repo
      .watchRevoked({
        caughtUp: () =>
          void fork(Effect.andThen(recheck, Effect.delay(recheck, Duration.millis(limits.databaseConnectMs)))),
        noticed: revoke
      })
      .pipe(Effect.forkScoped)
  })

/** Reads again and again where the drivers of watched orders stop before, all in one statement. */
const followStops = (orders: OpenOrders) =>
  Effect.flatMap(Limits, (limits) =>
    Effect.suspend(() =>
      orders.stopsFromDatabase(
        [...orders.channels.values()].filter((each) => each.subscribers.size > 0 && each.showsPosition)
      )
    ).pipe(
      Effect.catch((error) => Effect.logDebug("stops_ahead_not_read", error)),
      Effect.repeat(Schedule.spaced(Duration.millis(limits.etaStopsEveryMs))),
      Effect.forkScoped
    )
  )

const toldEstimates = function* (channels: ReadonlyMap<string, OrderChannel>): Generator<ToldEstimate> {
  for (const { order, subscribers, toldEta } of channels.values())
    if (subscribers.size > 0 && toldEta !== undefined) yield { order, eta: toldEta }
}
