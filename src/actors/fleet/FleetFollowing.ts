import { Clock, Duration, Effect, Layer, Metric, Schedule } from "effect"
import { Env } from "../../config/Env.ts"
import { Limits } from "../../config/Limits.ts"
import { FleetRepo, type StandingDriver } from "../../persistence/drivers/FleetRepo.ts"
import { FleetHub } from "../../realtime/FleetHub.ts"
import type { PeerRow } from "../../realtime/PeerBatch.ts"
import { PeerLink } from "../../realtime/PeerLink.ts"
import { makeFleetIntroduction } from "./FleetIntroduction.ts"
import { Fleet } from "./FleetPresence.ts"

const polls = Metric.counter("dropmate_fleet_polls_total", {
  incremental: true,
  description: "Times that committed markers were read for the fleet map, since another node was not heard"
})

const rowOf = (driver: StandingDriver): PeerRow => ({
  driverId: driver.driverId,
  isConnected: driver.isConnectedElsewhere,
  duty: driver.duty,
  heardAt: driver.receivedAt,
  place: driver
})

/** Puts on the board what is committed of whoever was heard of since a time (Unix ms); answers when the reading began. */
const makeReading = Effect.gen(function* () {
  const limits = yield* Limits
  const { nodeName } = yield* Env
  const repo = yield* FleetRepo
  const fleet = yield* Fleet
  return Effect.fnUntraced(function* (receivedSinceMs: number) {
    const beganAt = yield* Clock.currentTimeMillis
    // Sessions are touched each `sessionTouchMs`; one that was missed is forgiven.
    const touchedSinceMs = beganAt - 2.5 * limits.sessionTouchMs
    const standing = yield* repo
      .standing({ node: nodeName, receivedSinceMs, touchedSinceMs })
      .pipe(Effect.timeout(Duration.millis(limits.databaseConnectMs)))
    const now = yield* Clock.currentTimeMillis
    for (const driver of standing) {
      if (driver.duty === "off" && !fleet.isKnown(driver.driverId)) continue
      fleet.introduce(driver.driverId, driver.name)
      fleet.told(rowOf(driver), "database", now)
    }
    return beganAt
  })
})

/**
 * Keeps the drivers of other nodes on this node's board: by their batches, and while those cannot be heard by what is
 * committed. At start the board is given everybody who was heard of within `fleetSilentMs`, as they stand.
 *
 * Tricky interleavings
 * - A driver goes from one node to another: the old node's "gone" may come after the new node's "here", and ends only what the
 *   old node said.
 * - A driver connects while the database is read: what was told since the reading began is not forgotten after it.
 */
export const FleetFollowing = Layer.effectDiscard(
  Effect.gen(function* () {
    const limits = yield* Limits
    const hub = yield* FleetHub
    const link = yield* PeerLink
    const fleet = yield* Fleet
    const read = yield* makeReading
    const told = yield* makeFleetIntroduction

    link.join({
      joined: () => undefined,
      heard: ({ nodeId, rows }, now) => told(rows, `node ${nodeId}`, now)
    })

    let readUntil = yield* Clock.currentTimeMillis
    readUntil = yield* read(readUntil - limits.fleetSilentMs).pipe(
      Effect.catch((error) =>
        Effect.as(
          Effect.logWarning("fleet_not_read: the map begins empty, and fills as drivers come", String(error)),
          readUntil - limits.fleetSilentMs
        )
      )
    )
    const poll = Effect.gen(function* () {
      // A point that was received before the last reading may have been committed after it.
      const beganAt = yield* read(readUntil - limits.ingestStatementTimeoutMs)
      yield* Metric.update(polls, 1)
      readUntil = beganAt
      fleet.forgetElsewhere(beganAt)
    }).pipe(Effect.catch((error) => Effect.logDebug("fleet_not_polled", error)))
    const heardAgain = Effect.map(Clock.currentTimeMillis, (now) =>
      fleet.forgetElsewhere(now - 3 * limits.peerRefreshMs)
    )

    yield* Effect.suspend(() => {
      if (link.isWhole()) return heardAgain
      return hub.isWatched() ? poll : Effect.void
    }).pipe(Effect.repeat(Schedule.spaced(Duration.millis(limits.fleetPollMs))), Effect.forkScoped)
  })
)
