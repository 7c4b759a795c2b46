import { type DutyChange, plausibleSpeedCms } from "../../domain/TelemetryRules.ts"
import type { DeviceIntake } from "./DeviceIntake.ts"
import type { DriverMailbox } from "./DriverMailbox.ts"

/** Duty by name; a driver that never set one has none. */
export type Duty = DutyChange["duty"]

/** Most drivers are not connected: they share this. */
const noDevices: ReadonlyArray<DeviceIntake> = []

/** Stands for a speed, heading or accuracy that is not known. NaN in its place would box all of them, 16 bytes each. */
const unknown = -1
const known = (value: number): number => (value === unknown ? Number.NaN : value)
const kept = (value: number): number => (Number.isNaN(value) ? unknown : value)

/**
 * One driver on this node: a plain object that frames change synchronously. Off duty this is all there is; on duty a
 * supervised fiber (`mailbox`) works on the same state.
 * The marker fields are the driver's live place over all its devices, stored points and beacons alike; it never goes back.
 *
 * A node holds a million of these. V8 keeps a whole number below 2^31 in the field and boxes any other in 16 bytes, so one field
 * is a Unix time in ms and the other two times are seconds, or counted from it.
 */
export class DriverActor {
  readonly driverId: string
  name: string
  duty: Duty | undefined
  /** By occurredAt. Undefined until the driver sets a duty, which spares every point a look-up. */
  dutyLog: Array<DutyChange> | undefined
  /** Connected devices; most drivers have one. */
  devices: ReadonlyArray<DeviceIntake> = noDevices
  mailbox: DriverMailbox | undefined
  /** Its place on the fleet's board; -1 until it has one. */
  handle = -1
  /** Server clock, seconds, rounded up: when anything was last heard of the driver. */
  private heardAtS = 0
  markerRecordedAt = Number.NEGATIVE_INFINITY
  /** From `markerRecordedAt` to when the server had it. */
  private markerDelayMs = 0
  markerDeviceNo = -1
  latE7 = 0
  lngE7 = 0
  private speed = unknown
  private heading = unknown
  private accuracy = unknown

  constructor(driverId: string, name: string, heardAt: number) {
    this.driverId = driverId
    this.name = name
    this.heard(heardAt)
  }

  /** Server clock, ms, to the second above: when anything was last heard of the driver. */
  get heardAt(): number {
    return this.heardAtS * 1_000
  }

  heard(now: number): void {
    this.heardAtS = Math.ceil(now / 1_000)
  }

  get hasMarker(): boolean {
    return this.markerRecordedAt !== Number.NEGATIVE_INFINITY
  }

  /** Server clock, ms. */
  get markerReceivedAt(): number {
    return this.markerRecordedAt + this.markerDelayMs
  }

  /** Speed, heading and accuracy of the marker; NaN when unknown. */
  get speedCms(): number {
    return known(this.speed)
  }
  get headingCdeg(): number {
    return known(this.heading)
  }
  get accuracyCm(): number {
    return known(this.accuracy)
  }

  /** A device of the driver is connected. */
  enter(device: DeviceIntake): void {
    this.devices = this.devices.concat(device)
  }

  leave(device: DeviceIntake): void {
    const left = this.devices.filter((other) => other !== device)
    this.devices = left.length === 0 ? noDevices : left
  }

  /** Moves the marker, its speed clamped as the stored one is, if (recordedAt, receivedAt, device) is greater than what it stands on. Says whether it moved. */
  moveMarker(
    recordedAt: number,
    receivedAt: number,
    deviceNo: number,
    latE7: number,
    lngE7: number,
    speedCms: number,
    headingCdeg: number,
    accuracyCm: number
  ): boolean {
    if (recordedAt < this.markerRecordedAt) return false
    if (recordedAt === this.markerRecordedAt) {
      if (receivedAt < this.markerReceivedAt) return false
      if (receivedAt === this.markerReceivedAt && deviceNo <= this.markerDeviceNo) return false
    }
    this.markerRecordedAt = recordedAt
    // Rounded, though it is whole: the difference of two boxed numbers stays boxed.
    this.markerDelayMs = Math.round(receivedAt - recordedAt)
    this.markerDeviceNo = deviceNo
    this.latE7 = latE7
    this.lngE7 = lngE7
    this.speed = kept(Math.min(speedCms, plausibleSpeedCms))
    this.heading = kept(headingCdeg)
    this.accuracy = kept(accuracyCm)
    return true
  }

  /**
   * Enters a duty change by event time; false when it is there already, since a phone sends its offline log again. Changes
   * arrive in any order.
   */
  enterDuty(change: DutyChange, changesMax: number): boolean {
    const log = this.dutyLog ?? []
    if (log.some((known) => known.occurredAt === change.occurredAt && known.duty === change.duty)) return false
    let at = log.length
    while (at > 0 && (log[at - 1] as DutyChange).occurredAt > change.occurredAt) at--
    log.splice(at, 0, change)
    if (log.length > changesMax) log.shift()
    this.dutyLog = log
    this.duty = (log[log.length - 1] as DutyChange).duty
    return true
  }

  /** Takes a change back that the database did not take. */
  withdrawDuty(change: DutyChange): void {
    const at = this.dutyLog?.indexOf(change) ?? -1
    if (this.dutyLog === undefined || at < 0) return
    this.dutyLog.splice(at, 1)
    this.duty = this.dutyLog[this.dutyLog.length - 1]?.duty
    if (this.dutyLog.length === 0) this.dutyLog = undefined
  }
}
