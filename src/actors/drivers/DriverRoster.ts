import type { Limits } from "../../config/Limits.ts"
import type { OpenedSession } from "../../persistence/drivers/DriverSessionRepo.ts"
import type { IngestLane } from "../../persistence/ingest/IngestLane.ts"
import { DeviceIntake, type IntakeNode } from "./DeviceIntake.ts"
import { DriverActor } from "./DriverActor.ts"
import type { DriverLink } from "./DriverLink.ts"

/** The drivers held in memory on this node and their connected devices. Synchronous; knows no clock but `now`. */
export class DriverRoster {
  readonly drivers = new Map<string, DriverActor>()
  /** By session. */
  readonly devices = new Map<string, DeviceIntake>()
  private readonly node: IntakeNode
  private readonly limits: Limits

  constructor(node: IntakeNode, limits: Limits) {
    this.node = node
    this.limits = limits
  }

  /** Gives a phone its intake; the session that it replaces on this node is closed. `isOpen`: whether credit is granted. */
  connect(
    driverId: string,
    session: OpenedSession,
    link: DriverLink,
    lane: IngestLane,
    isOpen: boolean,
    now: number
  ): DeviceIntake {
    if (session.replacedSessionId !== undefined) this.devices.get(session.replacedSessionId)?.replaced()
    const driver = this.wake(driverId, session, now)
    const intake = new DeviceIntake(driver, session, isOpen ? this.limits.windowPoints : 0, lane, link, this.node)
    driver.enter(intake)
    this.devices.set(session.sessionId, intake)
    return intake
  }

  disconnect(intake: DeviceIntake): void {
    intake.leave()
    this.devices.delete(intake.ingest.sessionId)
    intake.driver.leave(intake)
  }

  /** Opens or closes credit on every device. */
  credit(isOpen: boolean, now: number): void {
    for (const intake of this.devices.values()) intake.grant(isOpen ? this.limits.windowPoints : 0, now)
  }

  /** Takes out and answers the drivers that nobody has heard of for `driverIdleMs` and that have nothing to do. */
  sweep(now: number): ReadonlyArray<DriverActor> {
    const idle = [...this.drivers.values()].filter(
      (driver) =>
        driver.devices.length === 0 &&
        now - driver.heardAt >= this.limits.driverIdleMs &&
        (driver.mailbox?.pending ?? 0) === 0
    )
    for (const driver of idle) this.drivers.delete(driver.driverId)
    return idle
  }

  /** The driver's actor with what PostgreSQL knows: other nodes may have stored newer things than are held here. */
  private wake(driverId: string, session: OpenedSession, now: number): DriverActor {
    const known = this.drivers.get(driverId)
    const driver = known ?? new DriverActor(driverId, session.driverName, now)
    if (known === undefined) this.drivers.set(driverId, driver)
    driver.name = session.driverName
    driver.heard(now)
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
}
