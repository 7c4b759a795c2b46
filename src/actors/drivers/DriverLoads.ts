import { Duration, Effect, FiberHandle, Schedule } from "effect"
import { Limits } from "../../config/Limits.ts"
import { TrackingRepo } from "../../persistence/tracking/TrackingRepo.ts"
import { DriverRegistry } from "./DriverRegistry.ts"

/** Keeps the fleet map's view of who is busy current; answers what to call when anybody's work changed, on any node. */
export const makeDriverLoads = Effect.gen(function* () {
  const limits = yield* Limits
  const registry = yield* DriverRegistry
  const tracking = yield* TrackingRepo
  const reading = yield* FiberHandle.make()
  const read = yield* FiberHandle.runtime(reading)()

  // One statement for the whole fleet, at most ten a second: the map shows who is busy, whichever node decided it.
  let isLoadsRung = false
  const readLoads = Effect.gen(function* () {
    while (isLoadsRung) {
      yield* Effect.sleep(Duration.millis(limits.driverLoadsEveryMs))
      isLoadsRung = false
      const loads = yield* tracking.driverLoads()
      registry.loaded(new Map(loads.map(({ driverId, load }) => [driverId, load])))
    }
  }).pipe(
    Effect.tapError((error) => {
      isLoadsRung = true
      return Effect.logDebug("driver_loads_not_read", error)
    }),
    Effect.retry(Schedule.spaced("500 millis"))
  )
  return (): void => {
    isLoadsRung = true
    read(readLoads, { onlyIfMissing: true })
  }
})
