import { Effect, FiberMap, Schedule } from "effect"
import { publicId } from "../../domain/Ids.ts"
import { TaskRepo } from "../../persistence/shipments/TaskRepo.ts"
import type { DeviceIntake } from "../drivers/DeviceIntake.ts"
import { DriverRegistry } from "../drivers/DriverRegistry.ts"
import { offerShape } from "../offers/OfferShape.ts"
import { type OfferList, ToldOffers } from "../offers/ToldOffers.ts"
import { breakShape, type ToldTasks, taskShape } from "./TaskShape.ts"

/** What a driver has to do, and is offered: all that a phone is told with its welcome. */
export interface DriverWork extends ToldTasks {
  readonly offers: OfferList
}

/** Reads the work of drivers and tells it to their phones on this node; one reading at a time for each driver. */
export const makeWorkTelling = Effect.gen(function* () {
  const registry = yield* DriverRegistry
  const repo = yield* TaskRepo
  const readings = yield* FiberMap.make<string>()
  const read = yield* FiberMap.runtime(readings)()
  const rung = new Set<string>()
  const told = new ToldOffers()

  const workOf = (driverId: string) =>
    Effect.map(
      repo.workOf(driverId),
      ({ version, tasks, breaks, open, ended }): DriverWork => ({
        version,
        tasks: tasks.map(taskShape),
        breaks: breaks.map(breakShape),
        offers: {
          open: open.map(offerShape),
          ended: new Map(ended.map((row) => [publicId("offer", row.assignment_id), row.reason]))
        }
      })
    )
  const tell = Effect.fnUntraced(function* (driverId: string) {
    while (rung.delete(driverId)) {
      const work = yield* workOf(driverId)
      for (const device of registry.find(driverId)?.devices ?? []) {
        device.tasks(work)
        told.tell(device, work.offers)
      }
    }
  })
  const refresh = (driverId: string): void => {
    rung.add(driverId)
    if (FiberMap.hasUnsafe(readings, driverId)) return
    read(
      driverId,
      tell(driverId).pipe(
        Effect.tapError((error) => {
          rung.add(driverId)
          return Effect.logDebug("tasks_not_read", error)
        }),
        Effect.retry(Schedule.spaced("500 millis"))
      )
    )
  }
  const introduce = (device: DeviceIntake, list: OfferList): void => told.introduce(device, list)

  return { workOf, refresh, introduce }
})
