import { Clock, Duration, Effect, Layer, Schedule } from "effect"
import { Limits } from "../../config/Limits.ts"
import { PeerLink } from "../../realtime/PeerLink.ts"
import { Fleet } from "./FleetPresence.ts"

/**
 * Tells the other nodes of this node's drivers: each tick one batch of those that changed, whoever they are and however many
 * watch them; and all of them again within `peerRefreshMs`, since a batch may be lost. Nothing is made while nobody listens.
 */
export const FleetSharing = Layer.effectDiscard(
  Effect.gen(function* () {
    const limits = yield* Limits
    const link = yield* PeerLink
    const fleet = yield* Fleet
    const clock = yield* Clock.Clock
    const { changes } = fleet
    const ticksOfRound = Math.max(1, Math.floor(limits.peerRefreshMs / limits.peerTickMs))
    let toldAt = Number.NEGATIVE_INFINITY

    const tell = Effect.gen(function* () {
      const now = clock.currentTimeMillisUnsafe()
      const drivers = changes.take(limits.peerBatchRowsMax)
      if (drivers.length === 0 && now - toldAt < limits.peerHeartbeatMs) return
      toldAt = now
      const isTold = yield* link.tell(drivers.map((driver) => fleet.rowOf(driver)))
      // Their newest state goes with the next batch.
      if (!isTold) for (const driver of drivers) changes.note(driver)
    })
    const tick = Effect.suspend(() => {
      changes.share(link.isHeard())
      if (!link.isHeard()) return Effect.void
      changes.noteSome(ticksOfRound)
      return tell
    })
    yield* tick.pipe(Effect.repeat(Schedule.spaced(Duration.millis(limits.peerTickMs))), Effect.forkScoped)
    // The phones have been sent away by now: others hear that these drivers are gone, not that this node fell silent. A Redis that
    // does not answer must not hold the shut-down up.
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => (link.isHeard() ? tell : Effect.void)).pipe(
        Effect.timeoutOption(Duration.millis(limits.peerHeartbeatMs))
      )
    )

    link.join({
      joined: () => {
        changes.share(true)
        changes.noteAll()
      },
      heard: () => undefined
    })
  })
)
