import { Context, Duration, Effect, Layer } from "effect"
import type { SqlError } from "effect/sql"
import { Limits } from "../../config/Limits.ts"
import { clockFault } from "../../domain/TelemetryRules.ts"
import { TaskRepo } from "../../persistence/shipments/TaskRepo.ts"
import type { DeviceIntake } from "../drivers/DeviceIntake.ts"
import type { DriverLink } from "../drivers/DriverLink.ts"
import { makeDriverLoads } from "../drivers/DriverLoads.ts"
import { DriverRegistry } from "../drivers/DriverRegistry.ts"
import type { OfferList } from "../offers/ToldOffers.ts"
import { Shipments } from "../shipments/Shipments.ts"
import type { Verdict } from "../shipments/Verdict.ts"
import { busy, databaseUnavailable } from "./DriverCommands.ts"
import type { OfferReply, TaskCommand } from "./TaskReports.ts"
import { type DriverWork, makeWorkTelling } from "./WorkTelling.ts"

/**
 * What drivers have to do and are offered, told to their phones on this node: with the welcome, and again after every commit, on any
 * node, that changes it. Takes their TASKs and OFFER_REPLYs to the shipments.
 *
 * Tricky interleavings
 * - A shipment is assigned while its driver says HELLO, after the tasks were read and before the phone is connected: `prepare` marks
 *   the driver, the notice rings, and `settle` says that the list is stale.
 * - Two changes at once: a reading under way is followed by another one, so that the last list told is the newest.
 * - A second phone connects while an offer is made: what each phone was told is kept for each, not for the driver.
 */
export class DriverTasks extends Context.Service<
  DriverTasks,
  {
    /** Reads the tasks of a driver who is about to be connected; `settle` must follow, whatever becomes of the HELLO. */
    readonly prepare: (driverId: string) => Effect.Effect<DriverWork, SqlError.SqlError>
    /** Ends what `prepare` began; true when the tasks have changed since. */
    readonly settle: (driverId: string) => boolean
    /** Tells a phone that was just welcomed of its driver's offers. */
    readonly introduce: (intake: DeviceIntake, offers: OfferList) => void
    /** Reads the tasks again and tells every connected device. */
    readonly refresh: (driverId: string) => void
    /** Takes a TASK; the link hears the RESULT. */
    readonly take: (intake: DeviceIntake, link: DriverLink, command: TaskCommand, now: number) => void
    /** Takes an OFFER_REPLY; the link hears the RESULT. */
    readonly reply: (intake: DeviceIntake, link: DriverLink, reply: OfferReply, now: number) => void
  }
>()("dropmate/actors/tasks/DriverTasks") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const limits = yield* Limits
      const registry = yield* DriverRegistry
      const shipments = yield* Shipments
      const repo = yield* TaskRepo
      const loadsChanged = yield* makeDriverLoads
      const opening = new Openings()
      const { workOf, refresh, introduce } = yield* makeWorkTelling
      const changed = (driverId: string): void => {
        opening.ring(driverId)
        if ((registry.find(driverId)?.devices.length ?? 0) > 0) refresh(driverId)
        loadsChanged()
      }

      yield* repo
        .watchTasks({
          caughtUp: () => {
            opening.ringAll()
            for (const driver of registry.drivers()) if (driver.devices.length > 0) refresh(driver.driverId)
            loadsChanged()
          },
          noticed: changed
        })
        .pipe(Effect.forkScoped)

      const answer = <E extends { readonly _tag: string }>(
        intake: DeviceIntake,
        link: DriverLink,
        commandId: string,
        decided: Effect.Effect<Verdict, E>,
        now: number
      ): void => {
        const work = decided.pipe(
          Effect.timeout(Duration.millis(limits.commandMs)),
          Effect.match({
            onSuccess: ({ ok, detail }) => link.result(commandId, ok, detail),
            onFailure: (error) =>
              link.result(commandId, false, error._tag === "ShipmentUnavailable" ? busy : databaseUnavailable)
          })
        )
        registry.work(intake, link, commandId, work, now)
      }

      return {
        prepare: (driverId) =>
          Effect.suspend(() => {
            opening.begin(driverId)
            return workOf(driverId)
          }),
        settle: (driverId) => opening.end(driverId),
        introduce,
        refresh,
        take: (intake, link, command, now) => {
          const { commandId } = command
          const fault = clockFault(command.occurredAtMs, now, limits)
          if (fault !== undefined)
            return link.result(commandId, false, { code: fault, detail: "occurredAt is not believable" })
          answer(intake, link, commandId, shipments.task(intake.driver.driverId, command), now)
        },
        reply: (intake, link, reply, now) =>
          answer(intake, link, reply.commandId, shipments.reply(intake.driver.driverId, reply), now)
      }
    })
  )
}

/** HELLOs under way: how many each driver has, and whether their tasks changed meanwhile. */
class Openings {
  private readonly drivers = new Map<string, { count: number; isStale: boolean }>()

  begin(driverId: string): void {
    const opening = this.drivers.get(driverId) ?? { count: 0, isStale: false }
    opening.count++
    this.drivers.set(driverId, opening)
  }

  ring(driverId: string): void {
    const opening = this.drivers.get(driverId)
    if (opening !== undefined) opening.isStale = true
  }

  ringAll(): void {
    for (const opening of this.drivers.values()) opening.isStale = true
  }

  /** Says whether the tasks changed since. */
  end(driverId: string): boolean {
    const opening = this.drivers.get(driverId)
    if (opening === undefined) return false
    opening.count--
    if (opening.count === 0) this.drivers.delete(driverId)
    return opening.isStale
  }
}
