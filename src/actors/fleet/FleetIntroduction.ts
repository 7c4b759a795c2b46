import { Clock, Duration, Effect, FiberSet, Schedule } from "effect"
import { Limits } from "../../config/Limits.ts"
import { FleetRepo } from "../../persistence/drivers/FleetRepo.ts"
import type { PeerRow } from "../../realtime/PeerBatch.ts"
import { Fleet, type FleetSource } from "./FleetPresence.ts"

/**
 * Passes on what other nodes tell of drivers. Their batches have no names: of a driver who is not on the board the newest row
 * waits until the name was read, one reading for all who wait. Who is not in this database is nobody's driver, and forgotten.
 */
export const makeFleetIntroduction = Effect.gen(function* () {
  const limits = yield* Limits
  const repo = yield* FleetRepo
  const fleet = yield* Fleet
  const clock = yield* Clock.Clock
  const fork = yield* FiberSet.makeRuntime()
  const strangers = new Map<string, { readonly row: PeerRow; readonly source: FleetSource }>()
  let isIntroducing = false

  const introduce = Effect.gen(function* () {
    while (strangers.size > 0) {
      const asked = [...strangers.keys()]
      const names = yield* repo.namesOf(asked).pipe(Effect.timeout(Duration.millis(limits.databaseConnectMs)))
      for (const driverId of asked) {
        const newest = strangers.get(driverId)
        const name = names.get(driverId)
        strangers.delete(driverId)
        if (newest === undefined || name === undefined) continue
        fleet.introduce(driverId, name)
        fleet.told(newest.row, newest.source, clock.currentTimeMillisUnsafe())
      }
    }
    isIntroducing = false
  }).pipe(
    Effect.tapError((error) => Effect.logDebug("drivers_not_introduced", error)),
    Effect.retry(Schedule.spaced("500 millis"))
  )

  return (rows: ReadonlyArray<PeerRow>, source: FleetSource, now: number): void => {
    for (const row of rows) {
      if (fleet.isKnown(row.driverId)) fleet.told(row, source, now)
      else if (strangers.size < limits.peerBatchRowsMax || strangers.has(row.driverId))
        strangers.set(row.driverId, { row, source })
    }
    if (strangers.size === 0 || isIntroducing) return
    isIntroducing = true
    fork(introduce)
  }
})
