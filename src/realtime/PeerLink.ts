import { Clock, Context, Duration, Effect, FiberSet, Layer, Metric, Schedule } from "effect"
import { Limits } from "../config/Limits.ts"
import { PeerChannel } from "../persistence/drivers/PeerChannel.ts"
import { newId } from "../persistence/NewId.ts"
import { OrderHub } from "./OrderHub.ts"
import { decodePeerBatch, encodePeerBatch, NotABatch, type PeerBatch, type PeerRow } from "./PeerBatch.ts"

const noContext = Context.empty()
const batches = (outcome: "sent" | "lost" | "heard" | "unread") =>
  Metric.counter("dropmate_peer_batches_total", {
    incremental: true,
    attributes: { outcome },
    description: "Batches of drivers' places between nodes: sent, lost with Redis away, heard, or of another version"
  })

/** Who hears of the drivers of other nodes. Called synchronously; `now` is this node's clock. */
export interface PeerLinkListener {
  /** Another node begins to listen: it is to be told of every driver here. */
  readonly joined: () => void
  readonly heard: (batch: PeerBatch, now: number) => void
}

/**
 * What nodes tell each other of their drivers, as one batch for each tick and node: it goes to the orders that somebody watches
 * here, and to whoever else listens. Live and lossy: it may be missing at any time, and `isWhole` says whether it is.
 */
export class PeerLink extends Context.Service<
  PeerLink,
  {
    /** Whether another node may be listening: if not, nothing need be encoded. */
    readonly isHeard: () => boolean
    /** Tells the others. False when Redis did not take it. */
    readonly tell: (rows: ReadonlyArray<PeerRow>) => Effect.Effect<boolean>
    /** Takes a listener of a node that has drivers itself; others hear from it from now on. */
    readonly join: (listener: PeerLinkListener) => void
    /** Whether every node that has drivers is heard: no silence, and the connection is up. */
    readonly isWhole: () => boolean
  }
>()("dropmate/realtime/PeerLink") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const limits = yield* Limits
      const channel = yield* PeerChannel
      const orders = yield* OrderHub
      const clock = yield* Clock.Clock
      const nodeId = yield* newId
      const fork = yield* FiberSet.makeRuntime()
      const now = () => clock.currentTimeMillisUnsafe()
      const listeners: Array<PeerLinkListener> = []
      const peers = new KnownPeers()
      let joins = 0
      let isHeard = false

      const publish = (kind: Partial<Pick<PeerBatch, "isNew" | "isLeaving">>, rows: ReadonlyArray<PeerRow>) =>
        channel
          .publish(
            encodePeerBatch({
              nodeId,
              hasDrivers: listeners.length > 0,
              isNew: kind.isNew ?? false,
              isLeaving: kind.isLeaving ?? false,
              rows
            })
          )
          .pipe(
            Effect.as(true),
            Effect.catch(() => Effect.succeed(false)),
            Effect.tap((isSent) => Effect.sync(() => batches(isSent ? "sent" : "lost").updateUnsafe(1, noContext)))
          )

      const follow = (rows: ReadonlyArray<PeerRow>, at: number): void => {
        for (const { driverId, place, heardAt } of rows)
          if (place !== undefined && orders.watches(driverId))
            orders.moved(driverId, { ...place, receivedAt: heardAt }, at)
      }
      const heard = (bytes: Uint8Array): void => {
        const batch = decodePeerBatch(bytes)
        if (batch instanceof NotABatch) return batches("unread").updateUnsafe(1, noContext)
        if (batch.nodeId === nodeId) return
        batches("heard").updateUnsafe(1, noContext)
        const at = now()
        isHeard = !batch.isLeaving || isHeard
        if (peers.heard(batch, at) || batch.isNew) {
          joins++
          for (const listener of listeners) listener.joined()
        }
        follow(batch.rows, at)
        for (const listener of listeners) listener.heard(batch, at)
      }

      // A node that joined meanwhile counts: an answer that was asked for before knows nothing of it. Without Redis nothing is learnt.
      const check = Effect.gen(function* () {
        const before = joins
        const others = (yield* channel.listeners) - (channel.isOpen() ? 1 : 0)
        if (joins === before) isHeard = others > 0
      }).pipe(Effect.ignore)
      yield* check.pipe(Effect.repeat(Schedule.spaced(Duration.millis(limits.peerCheckMs))), Effect.forkScoped)
      yield* channel.listen({ opened: () => void fork(publish({ isNew: true }, [])), heard })
      yield* Effect.addFinalizer(() =>
        Effect.suspend(() => (isHeard ? publish({ isLeaving: true }, []) : Effect.void)).pipe(
          Effect.timeoutOption(Duration.millis(limits.peerHeartbeatMs))
        )
      )

      return {
        isHeard: () => isHeard,
        tell: (rows) => publish({}, rows),
        join: (listener) => void listeners.push(listener),
        isWhole: () => channel.isOpen() && !peers.isAnySilent(now(), limits)
      }
    })
  )
}

/** The nodes with drivers that were heard of, and when. */
class KnownPeers {
  private readonly heardAt = new Map<string, number>()

  /** Notes a batch; true when its node was not known. */
  heard({ nodeId, hasDrivers, isLeaving }: PeerBatch, now: number): boolean {
    if (isLeaving || !hasDrivers) {
      this.heardAt.delete(nodeId)
      return false
    }
    const isNews = !this.heardAt.has(nodeId)
    this.heardAt.set(nodeId, now)
    return isNews
  }

  /** Whether one is silent. Who has been silent for so long that their drivers left the map is forgotten. */
  isAnySilent(now: number, limits: Limits): boolean {
    let isSilent = false
    for (const [nodeId, at] of this.heardAt) {
      if (now - at > limits.fleetSilentMs) this.heardAt.delete(nodeId)
      else if (now - at > limits.peerSilentMs) isSilent = true
    }
    return isSilent
  }
}
