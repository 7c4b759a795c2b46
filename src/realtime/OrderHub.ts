import { Clock, Context, Duration, Effect, FiberMap, Layer, Metric, Schedule } from "effect"
import type { SqlError } from "effect/sql"
import { Limits } from "../config/Limits.ts"
import { MarkerRepo } from "../persistence/MarkerRepo.ts"
import { TrackingRepo } from "../persistence/TrackingRepo.ts"
import { CloseCode } from "../protocol/CloseCode.ts"
import { type LivePlace, OrderChannel, type ResumePoint } from "./OrderChannel.ts"
import type { TrackSubscriber } from "./TrackSubscriber.ts"

const channelsOpen = Metric.gauge("dropmate_order_channels", {
  description: "Orders held ready for customers who watch"
})
const loads = Metric.counter("dropmate_order_loads_total", {
  incremental: true,
  description: "Times a tracked order was read; many watchers of one order need one"
})

/**
 * The orders that customers watch on this node. A commit anywhere rings a doorbell (NOTIFY); the order is then read again,
 * whole, in one statement: the database's log is the only source of events, so what any node tells is what happened.
 * Positions come straight from the driver's socket when it is on this node, else from the committed marker, each second.
 *
 * Tricky interleavings
 * - An event is committed while an order is being read: the doorbell marks the channel, which reads again.
 * - The doorbell's connection is lost: when it is back every channel reads again.
 * - Two thousand watchers return at once: they wait for one reading.
 */
export class OrderHub extends Context.Service<
  OrderHub,
  {
    /** Begins a subscriber; it stays until `unsubscribe`. Fails when there is no such order. */
    readonly subscribe: (
      orderId: string,
      subscriber: TrackSubscriber,
      resume: ResumePoint
    ) => Effect.Effect<void, "order_absent" | SqlError.SqlError>
    readonly unsubscribe: (orderId: string, subscriber: TrackSubscriber) => void
    /** Whether somebody watches an order of this driver; asked for each frame. */
    readonly watches: (driverId: string) => boolean
    /** The live place of a driver who is connected here. */
    readonly moved: (driverId: string, place: LivePlace, now: number) => void
  }
>()("dropmate/realtime/OrderHub") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const limits = yield* Limits
      const repo = yield* TrackingRepo
      const markers = yield* MarkerRepo
      const clock = yield* Clock.Clock
      const channels = new Map<string, OrderChannel>()
      /** Orders whose doorbell rang while they were being read. */
      const rung = new Set<string>()
      const byDriver = new Map<string, Set<OrderChannel>>()
      const readings = yield* FiberMap.make<string>()
      const read = yield* FiberMap.runtime(readings)()

      const forgetDriver = (driverId: string, channel: OrderChannel): void => {
        const watched = byDriver.get(driverId)
        watched?.delete(channel)
        if (watched?.size === 0) byDriver.delete(driverId)
      }
      const indexDriver = (channel: OrderChannel, before: string | undefined): void => {
        const after = channel.driverId
        if (before === after) return
        if (before !== undefined) forgetDriver(before, channel)
        if (after === undefined) return
        const watched = byDriver.get(after) ?? new Set()
        watched.add(channel)
        byDriver.set(after, watched)
      }

      const load = (orderId: string) => Effect.andThen(Metric.update(loads, 1), repo.load(orderId))

      /** Reads the committed places of channels that show one and have no driver on this node. */
      const placeFromDatabase = (wanting: ReadonlyArray<OrderChannel>) => {
        const driverIds = [...new Set(wanting.flatMap((channel) => channel.driverId ?? []))]
        if (driverIds.length === 0) return Effect.void
        return Effect.map(markers.latest(driverIds), (places) => {
          const now = clock.currentTimeMillisUnsafe()
          for (const channel of wanting) {
            const place = channel.driverId === undefined ? undefined : places.get(channel.driverId)
            if (place !== undefined) channel.move(place, now)
          }
        })
      }

      /** Makes the channel of an order, once for all who wait for it. */
      const opening = new Map<string, Effect.Effect<OrderChannel, "order_absent" | SqlError.SqlError>>()
      const open = (orderId: string): Effect.Effect<OrderChannel, "order_absent" | SqlError.SqlError> =>
        Effect.suspend(() => {
          const known = channels.get(orderId)
          if (known !== undefined) return Effect.succeed(known)
          const underWay = opening.get(orderId)
          if (underWay !== undefined) return underWay
          const reading = Effect.gen(function* () {
            const order = yield* load(orderId)
            if (order === undefined) return yield* Effect.fail("order_absent" as const)
            const channel = new OrderChannel(order, limits.nearbyM, clock.currentTimeMillisUnsafe())
            if (channel.driverId !== undefined) yield* placeFromDatabase([channel])
            channels.set(orderId, channel)
            indexDriver(channel, undefined)
            if (rung.delete(orderId)) refresh(orderId)
            return channel
          }).pipe(Effect.ensuring(Effect.sync(() => opening.delete(orderId))))
          return Effect.flatMap(Effect.cached(reading), (shared) => {
            // Somebody else may have begun while this was being prepared.
            const first = opening.get(orderId) ?? shared
            opening.set(orderId, first)
            return first
          })
        })

      /** Reads an order again, and once more if its doorbell rings meanwhile. */
      const refresh = (orderId: string): void => {
        const channel = channels.get(orderId)
        if (channel === undefined) {
          if (opening.has(orderId)) rung.add(orderId)
          return
        }
        rung.add(orderId)
        if (FiberMap.hasUnsafe(readings, orderId)) return
        read(
          orderId,
          Effect.gen(function* () {
            while (rung.delete(orderId)) {
              const order = yield* load(orderId)
              if (order === undefined) return close(orderId, channel)
              const before = channel.driverId
              channel.update(order, clock.currentTimeMillisUnsafe())
              indexDriver(channel, before)
              if (channel.driverId !== before || channel.showsPosition) yield* placeFromDatabase([channel])
            }
          }).pipe(
            Effect.tapError((error) => {
              rung.add(orderId)
              return Effect.logDebug("order_read_failed", error)
            }),
            Effect.retry(Schedule.spaced("500 millis"))
          )
        )
      }

      const close = (orderId: string, channel: OrderChannel): void => {
        channels.delete(orderId)
        if (channel.driverId !== undefined) forgetDriver(channel.driverId, channel)
        for (const subscriber of channel.subscribers) subscriber.sink.close(CloseCode.trackingFinished, 0)
      }

      const endOf = (channel: OrderChannel): number =>
        channel.order.completedAtMs === undefined
          ? Number.POSITIVE_INFINITY
          : channel.order.completedAtMs + limits.trackingGraceMs

      const tick = Effect.sync(() => {
        const now = clock.currentTimeMillisUnsafe()
        for (const [orderId, channel] of channels) {
          if (channel.subscribers.size === 0) {
            if (now - channel.idleSince > limits.trackLingerMs) close(orderId, channel)
            continue
          }
          const isOver = now >= endOf(channel)
          for (const subscriber of channel.subscribers) {
            if (isOver) subscriber.sink.close(CloseCode.trackingFinished, 0)
            else if (now >= subscriber.expiresAtMs) subscriber.sink.close(CloseCode.trackingExpired, 0)
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
        return Effect.andThen(Metric.update(channelsOpen, channels.size), placeFromDatabase(wanting))
      }).pipe(
        Effect.catch((error) => Effect.logDebug("remote_places_not_read", error)),
        Effect.repeat(Schedule.spaced(Duration.millis(limits.trackRemotePollMs))),
        Effect.forkScoped
      )

      yield* repo
        .watchOrders({
          caughtUp: () => {
            for (const orderId of channels.keys()) refresh(orderId)
          },
          noticed: refresh
        })
        .pipe(Effect.forkScoped)
      const revoke = (sessionId: string): void => {
        for (const channel of channels.values()) {
          for (const subscriber of channel.subscribers) {
            if (subscriber.sessionId === sessionId) subscriber.sink.close(CloseCode.trackingRevoked, 0)
          }
        }
      }
      const recheckSessions = Effect.suspend(() =>
        Effect.forEach(
          new Set([...channels.values()].flatMap((channel) => [...channel.subscribers].map((s) => s.sessionId))),
          (sessionId) =>
            Effect.map(repo.byId(sessionId), (grant) => {
              if (grant === undefined || grant.revokedAtMs !== undefined) revoke(sessionId)
            }),
          { discard: true, concurrency: 4 }
        )
      ).pipe(Effect.catch((error) => Effect.logWarning("revoked_links_not_read", error)))
      yield* repo
        .watchRevoked({ caughtUp: () => void read("revoked", recheckSessions), noticed: revoke })
        .pipe(Effect.forkScoped)

      return {
        subscribe: (orderId, subscriber, resume) =>
          Effect.map(open(orderId), (channel) => {
            channel.join(subscriber, resume, clock.currentTimeMillisUnsafe())
          }),
        unsubscribe: (orderId, subscriber) => channels.get(orderId)?.leave(subscriber, clock.currentTimeMillisUnsafe()),
        watches: (driverId) => byDriver.has(driverId),
        moved: (driverId, place, now) => {
          for (const channel of byDriver.get(driverId) ?? []) {
            channel.localPlaceAt = now
            channel.move(place, now)
          }
        }
      }
    })
  )
}
