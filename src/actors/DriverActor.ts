import { type DutyChange, plausibleSpeedCms } from "../domain/TelemetryRules.ts"
import type { DeviceIntake } from "./DeviceIntake.ts"
import type { DriverMailbox } from "./DriverMailbox.ts"

/** Duty by name; a driver that never set one has none. */
export type Duty = DutyChange["duty"]

/**
 * One driver on this node: a plain object that frames change synchronously. Off duty this is all there is; on duty a
 * supervised fiber (`mailbox`) works on the same state.
 * The marker fields are the driver's live place over all its devices, stored points and beacons alike; it never goes back.
 */
export class DriverActor {
  readonly driverId: string
  name: string
  duty: Duty | undefined
  /** By occurredAt. Undefined until the driver sets a duty, which spares every point a look-up. */
  dutyLog: Array<DutyChange> | undefined
  /** Connected devices; most drivers have one. */
  readonly devices: Array<DeviceIntake> = []
  mailbox: DriverMailbox | undefined
  /** Its place on the fleet's board; -1 until it has one. */
  handle = -1
  /** Server clock, ms: when anything was last heard of the driver. */
  heardAt: number
  markerRecordedAt = Number.NEGATIVE_INFINITY
  markerReceivedAt = Number.NEGATIVE_INFINITY
  markerDeviceNo = -1
  latE7 = 0
  lngE7 = 0
  speedCms = Number.NaN
  headingCdeg = Number.NaN
  accuracyCm = Number.NaN

  constructor(driverId: string, name: string, heardAt: number) {
    this.driverId = driverId
    this.name = name
    this.heardAt = heardAt
  }

  get hasMarker(): boolean {
    return this.markerRecordedAt !== Number.NEGATIVE_INFINITY
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
    this.markerReceivedAt = receivedAt
    this.markerDeviceNo = deviceNo
    this.latE7 = latE7
    this.lngE7 = lngE7
    this.speedCms = Math.min(speedCms, plausibleSpeedCms)
    this.headingCdeg = headingCdeg
    this.accuracyCm = accuracyCm
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
