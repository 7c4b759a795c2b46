import { Clock, Context, Duration, Effect, Layer, Metric } from "effect"
import { Limits } from "../config/Limits.ts"
import { clockFault, type DutyChange, type QuarantineCode } from "../domain/TelemetryRules.ts"
import type { OpenedSession } from "../persistence/DriverSessionRepo.ts"
import { MarkerCache } from "../persistence/MarkerCache.ts"
import { TelemetryWriter } from "../persistence/TelemetryWriter.ts"
import { FleetHub } from "../realtime/FleetHub.ts"
import type { LivePlace } from "../realtime/OrderChannel.ts"
import { OrderHub } from "../realtime/OrderHub.ts"
import { DeviceIntake, type IntakeNode } from "./DeviceIntake.ts"
import { DriverActor, type Duty } from "./DriverActor.ts"
import { makeDriverCommands } from "./DriverCommands.ts"
import type { DriverLink, RefusalCode } from "./DriverLink.ts"
import { type DriverLoad, FleetPresence } from "./FleetPresence.ts"

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
>()("dropmate/actors/DriverRegistry") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const limits = yield* Limits
      const writer = yield* TelemetryWriter
      const commands = yield* makeDriverCommands
      const cache = yield* MarkerCache
      const drivers = new Map<string, DriverActor>()
      const sessions = new Map<string, DeviceIntake>()
      const orders = yield* OrderHub
      const presence = new FleetPresence((yield* FleetHub).board)
      const clock = yield* Clock.Clock

      const node: IntakeNode = {
        limits,
        isFull: writer.isFull,
        appended: writer.appended,
        moved: (driver) => {
          presence.moved(driver, driver.markerReceivedAt)
          if (orders.watches(driver.driverId)) orders.moved(driver.driverId, placeOf(driver), driver.markerReceivedAt)
        },
        beaconed: (driver) =>
          cache.put(driver.driverId, {
            recordedAt: driver.markerRecordedAt,
            receivedAt: driver.markerReceivedAt,
            latE7: driver.latE7,
            lngE7: driver.lngE7,
            speedCms: driver.speedCms,
            headingCdeg: driver.headingCdeg,
            accuracyCm: driver.accuracyCm
          }),
        quarantined: (code) => quarantinedTotal(code).updateUnsafe(1, noContext),
        refused: (code) => refusedTotal(code).updateUnsafe(1, noContext)
      }

      writer.listen({
        committed: (moves) => {
          for (const move of moves) {
            const marker = move.marker
            if (marker === undefined) continue
            cache.put(move.device.driverId, {
              recordedAt: marker.markerRecordedAt,
              receivedAt: marker.markerReceivedAt,
              latE7: marker.markerLatE7,
              lngE7: marker.markerLngE7,
              speedCms: marker.markerSpeedCms,
              headingCdeg: marker.markerHeadingCdeg,
              accuracyCm: marker.markerAccuracyCm
            })
          }
        },
        credit: (isOpen) => {
          const now = clock.currentTimeMillisUnsafe()
          for (const intake of sessions.values()) intake.grant(isOpen ? limits.windowPoints : 0, now)
        }
      })

      const actorFor = (driverId: string, session: OpenedSession, now: number): DriverActor => {
        const known = drivers.get(driverId)
        const driver = known ?? new DriverActor(driverId, session.driverName, now)
        if (known === undefined) drivers.set(driverId, driver)
        driver.name = session.driverName
        driver.heardAt = now
        // PostgreSQL is the truth; what other nodes stored meanwhile may be newer than what is held here.
        if (session.dutyChanges.length > 0 && (driver.mailbox?.pending ?? 0) === 0)
          driver.dutyLog = [...session.dutyChanges]
        if (session.duty !== undefined) driver.duty = session.duty
        const marker = session.driverMarker
        if (marker !== undefined) {
          driver.moveMarker(
            marker.recordedAt,
            marker.receivedAt,
            session.deviceNo,
            marker.latE7,
            marker.lngE7,
            marker.speedCms,
            marker.headingCdeg,
            marker.accuracyCm
          )
        }
        return driver
      }

      const sweep = Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        for (const driver of drivers.values()) {
          if (driver.devices.length > 0 || now - driver.heardAt < limits.driverIdleMs) continue
          if ((driver.mailbox?.pending ?? 0) > 0) continue
          drivers.delete(driver.driverId)
          yield* commands.passivate(driver)
        }
        yield* Metric.update(actors, drivers.size)
      })
      yield* sweep.pipe(Effect.delay(Duration.millis(limits.driverSweepMs)), Effect.forever, Effect.forkScoped)

      return {
        connect: (driverId, session, link) => {
          const now = clock.currentTimeMillisUnsafe()
          if (session.replacedSessionId !== undefined) sessions.get(session.replacedSessionId)?.replaced()
          const driver = actorFor(driverId, session, now)
          const window = writer.isOpen() ? limits.windowPoints : 0
          const intake = new DeviceIntake(driver, session, window, writer.laneOf(driverId), link, node)
          driver.devices.push(intake)
          sessions.set(session.sessionId, intake)
          presence.changed(driver, now)
          if (driver.duty === "on" || driver.duty === "break") commands.wake(driver)
          return intake
        },
        disconnect: (intake) => {
          intake.leave()
          sessions.delete(intake.ingest.sessionId)
          const at = intake.driver.devices.indexOf(intake)
          if (at >= 0) intake.driver.devices.splice(at, 1)
          presence.changed(intake.driver, clock.currentTimeMillisUnsafe())
        },
        replaced: (sessionId) => sessions.get(sessionId)?.replaced(),
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
          if (!isTaken && isEntered) driver.withdrawDuty(change)
        },
        work: (intake, link, commandId, work, now) =>
          void commands.offer({ _tag: "Work", driver: intake.driver, link, commandId, work }, now),
        loaded: (loads) => presence.loadedAll(loads, drivers),
        find: (driverId) => drivers.get(driverId),
        drivers: () => drivers.values(),
        sessionIds: () => [...sessions.keys()]
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
