import { Clock, Context, Duration, Effect, Layer, Metric } from "effect"
import { Limits } from "../../config/Limits.ts"
import { clockFault, type DutyChange, type QuarantineCode } from "../../domain/TelemetryRules.ts"
import type { OpenedSession } from "../../persistence/drivers/DriverSessionRepo.ts"
import { MarkerCache } from "../../persistence/drivers/MarkerCache.ts"
import type { CursorAdvance, Marker } from "../../persistence/ingest/IngestDevice.ts"
import { TelemetryWriter } from "../../persistence/ingest/TelemetryWriter.ts"
import type { LivePlace } from "../../realtime/OrderChannel.ts"
import { OrderHub } from "../../realtime/OrderHub.ts"
import { type DriverLoad, Fleet } from "../fleet/FleetPresence.ts"
import { makeDriverCommands } from "../tasks/DriverCommands.ts"
import type { DeviceIntake, IntakeNode } from "./DeviceIntake.ts"
import type { DriverActor, Duty } from "./DriverActor.ts"
import type { DriverLink, RefusalCode } from "./DriverLink.ts"
import { DriverRoster } from "./DriverRoster.ts"

const noContext = Context.empty()
const quarantinedTotal = (code: QuarantineCode) =>
  Metric.counter("dropmate_points_quarantined_total", {
    incremental: true,
    attributes: { code },
    description: "Points settled without being stored, by reason"
  })
const refusedTotal = (code: RefusalCode) =>
  Metric.counter("dropmate_frames_refused_total", {
    incremental: true,
    attributes: { code },
    description: "Telemetry frames answered with REFUSED, by reason"
  })
const actors = Metric.gauge("dropmate_driver_actors", { description: "Drivers held in memory on this node" })

/**
 * Finds, wakes and addresses driver actors. Points never wait in a mailbox: `DeviceIntake.report` runs on the frame's stack.
 * Commands do, one at a time for each driver. Never touches sockets.
 */
export class DriverRegistry extends Context.Service<
  DriverRegistry,
  {
    /** Gives a phone that said HELLO its intake; the session it replaces on this node is closed. */
    readonly connect: (driverId: string, session: OpenedSession, link: DriverLink) => DeviceIntake
    readonly disconnect: (intake: DeviceIntake) => void
    /** A newer HELLO on any node ended this session. */
    readonly replaced: (sessionId: string) => void
    /** Takes a DUTY command; the link hears the RESULT. */
    readonly duty: (
      intake: DeviceIntake,
      link: DriverLink,
      commandId: string,
      duty: Duty,
      occurredAt: number | undefined,
      now: number
    ) => void
    /** Takes a command that another actor decides, after those of the driver that came before. `work` answers the link. */
    readonly work: (
      intake: DeviceIntake,
      link: DriverLink,
      commandId: string,
      work: Effect.Effect<void>,
      now: number
    ) => void
    /** Who has something to do now; everybody else has nothing. */
    readonly loaded: (loads: ReadonlyMap<string, DriverLoad>) => void
    readonly find: (driverId: string) => DriverActor | undefined
    readonly drivers: () => IterableIterator<DriverActor>
    readonly sessionIds: () => ReadonlyArray<string>
  }
>()("dropmate/actors/drivers/DriverRegistry") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const limits = yield* Limits
      const writer = yield* TelemetryWriter
      const commands = yield* makeDriverCommands
      const cache = yield* MarkerCache
      const orders = yield* OrderHub
      const presence = yield* Fleet
      const clock = yield* Clock.Clock

      const node: IntakeNode = {
        limits,
        isFull: writer.isFull,
        appended: writer.appended,
        moved: (driver) => {
          presence.moved(driver, driver.markerReceivedAt)
          if (orders.watches(driver.driverId)) orders.moved(driver.driverId, placeOf(driver), driver.markerReceivedAt)
        },
        beaconed: (driver) => {
          const { markerReceivedAt: receivedAt, accuracyCm } = driver
          cache.put(driver.driverId, { ...placeOf(driver), receivedAt, accuracyCm })
        },
        quarantined: (code) => quarantinedTotal(code).updateUnsafe(1, noContext),
        refused: (code) => refusedTotal(code).updateUnsafe(1, noContext)
      }

      const roster = new DriverRoster(node, limits)
      presence.follow(roster.drivers)
      const now = () => clock.currentTimeMillisUnsafe()

      writer.listen({
        committed: (moves) => {
          for (const { device, marker } of moves) if (marker !== undefined) cache.put(device.driverId, markerOf(marker))
        },
        credit: (isOpen) => roster.credit(isOpen, now())
      })
      yield* Effect.suspend(() =>
        Effect.andThen(
          Effect.forEach(roster.sweep(now()), commands.passivate, { discard: true }),
          Metric.update(actors, roster.drivers.size)
        )
      ).pipe(Effect.delay(Duration.millis(limits.driverSweepMs)), Effect.forever, Effect.forkScoped)

      return {
        connect: (driverId, session, link) => {
          const at = now()
          const intake = roster.connect(driverId, session, link, writer.laneOf(driverId), writer.isOpen(), at)
          const { driver } = intake
          presence.changed(driver, at)
          if (driver.duty === "on" || driver.duty === "break") commands.wake(driver)
          return intake
        },
        disconnect: (intake) => {
          roster.disconnect(intake)
          presence.changed(intake.driver, now())
        },
        replaced: (sessionId) => roster.devices.get(sessionId)?.replaced(),
        duty: (intake, link, commandId, duty, occurredAt, now) => {
          const at = occurredAt ?? now
          const fault = clockFault(at, now, limits)
          if (fault !== undefined)
            return link.result(commandId, false, { code: fault, detail: "occurredAt is not believable" })
          const { driver } = intake
          const change: DutyChange = { duty, occurredAt: at }
          // Before the mailbox: the backlog that follows on the same socket is judged by it.
          const isEntered = driver.enterDuty(change, limits.dutyChangesMax)
          presence.changed(driver, now)
          const content = `duty ${duty} ${occurredAt ?? "on receipt"}`
          const isTaken = commands.offer({ _tag: "Duty", driver, link, commandId, change, isEntered, content }, now)
          if (isTaken || !isEntered) return
          driver.withdrawDuty(change)
          presence.changed(driver, now)
        },
        work: (intake, link, commandId, work, now) =>
          void commands.offer({ _tag: "Work", driver: intake.driver, link, commandId, work }, now),
        loaded: (loads) => presence.loaded(loads),
        find: (driverId) => roster.drivers.get(driverId),
        drivers: () => roster.drivers.values(),
        sessionIds: () => [...roster.devices.keys()]
      }
    })
  )
}

const placeOf = (driver: DriverActor): LivePlace => ({
  recordedAt: driver.markerRecordedAt,
  latE7: driver.latE7,
  lngE7: driver.lngE7,
  speedCms: driver.speedCms,
  headingCdeg: driver.headingCdeg
})

const markerOf = (advance: CursorAdvance): Marker => ({
  recordedAt: advance.markerRecordedAt,
  receivedAt: advance.markerReceivedAt,
  latE7: advance.markerLatE7,
  lngE7: advance.markerLngE7,
  speedCms: advance.markerSpeedCms,
  headingCdeg: advance.markerHeadingCdeg,
  accuracyCm: advance.markerAccuracyCm
})
