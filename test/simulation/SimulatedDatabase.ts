import type { OpenedSession } from "../../src/persistence/drivers/DriverSessionRepo.ts"
import { StatementRefused } from "../../src/persistence/ingest/IngestConnection.ts"
import type { Marker } from "../../src/persistence/ingest/IngestDevice.ts"
import { dayOf } from "../../src/persistence/ingest/TelemetryDays.ts"
import type { IngestRequest, RequestedMarker, RequestedMove, RequestedRow } from "./IngestRequest.ts"
import type { VirtualTime } from "./VirtualTime.ts"

/** Something that must never be, is. Ends the simulation. */
export class Violation extends Error {}

/** A row of `driver_ingest_cursors`. */
export interface StoredCursor {
  readonly driverId: string
  readonly deviceId: string
  readonly deviceNo: number
  sessionId: string | undefined
  attempt: number
  lastSeq: number
  lastRecordedAt: number | undefined
  marker: RequestedMarker | undefined
}

/** A battery that the database's CHECK refuses, and nothing before it. */
export const refusedBattery = 66

/** The key of a device's cursor, and with a number that of a point. */
export const deviceKey = (driverId: string, deviceNo: number): string => `${driverId}/${deviceNo}`
export const pointKey = (driverId: string, deviceNo: number, seq: number): string => `${driverId}/${deviceNo}/${seq}`

const placeKey = (driverId: string, { recordedAt, latE7, lngE7 }: RequestedMarker): string =>
  `${driverId}/${recordedAt}/${latE7}/${lngE7}`

interface Waiter {
  readonly keys: ReadonlyArray<string>
  readonly begin: () => void
}

const refused = (sqlState: string, constraint?: string): StatementRefused =>
  new StatementRefused({ sqlState, message: "simulated", constraint })

/**
 * What PostgreSQL keeps of telemetry, with what the writer leans on: transactions that happen whole or not at all, row locks that later
 * ones wait for, the fence, the CHECKs, the unique index and the partitions. Holds at each commit that no point is stored twice, that no
 * cursor passes a point that is neither stored nor quarantined, and that no marker goes back or to where no point is stored.
 */
export class SimulatedDatabase {
  readonly cursors = new Map<string, StoredCursor>()
  readonly rows = new Map<string, RequestedRow>()
  readonly quarantined = new Map<string, string>()
  /** Where stored points are. */
  private readonly places = new Set<string>()
  readonly days = new Set<number>()
  isAway = false
  commits = 0
  /** Hears of each session that a newer HELLO ended. */
  readonly replacedListeners = new Set<(sessionId: string) => void>()
  /** Called when the server goes away: its connections are lost. */
  readonly connections = new Set<() => void>()
  private readonly time: VirtualTime
  private readonly locked = new Set<string>()
  private waiters: Array<Waiter> = []
  /** Rises when the server crashes: what it was working on never happened. */
  private life = 0
  private sessions = 0

  constructor(time: VirtualTime) {
    this.time = time
  }

  /** The server crashes: every connection is lost, what was not committed never happens. */
  goAway(): void {
    this.isAway = true
    this.life++
    this.locked.clear()
    this.waiters = []
    for (const lose of [...this.connections]) lose()
  }

  comeBack(): void {
    this.isAway = false
  }

  /**
   * Does `work` in one transaction that holds the cursors' row locks for `workMs`, once they are free. `done` hears what came of it; it
   * hears nothing when the server crashes before.
   */
  transact<A>(keys: ReadonlyArray<string>, workMs: number, work: () => A, done: (outcome: A) => void): void {
    const { life } = this
    const begin = (): void => {
      for (const key of keys) this.locked.add(key)
      this.time.after(workMs, () => {
        if (life !== this.life) return
        const outcome = work()
        for (const key of keys) this.locked.delete(key)
        done(outcome)
        this.admitWaiters()
      })
    }
    if (this.isFree(keys)) begin()
    else this.waiters.push({ keys, begin })
  }

  private isFree(keys: ReadonlyArray<string>): boolean {
    return keys.every((key) => !this.locked.has(key))
  }

  private admitWaiters(): void {
    const waiting = this.waiters
    this.waiters = []
    for (const waiter of waiting) {
      if (this.isFree(waiter.keys)) waiter.begin()
      else this.waiters.push(waiter)
    }
  }

  /** Carries an ingest transaction out, or refuses it as PostgreSQL would, changing nothing. */
  ingest(request: IngestRequest): StatementRefused | undefined {
    const moved = request.moves.filter(({ driverId, deviceNo, sessionId, expectedSeq }) => {
      const cursor = this.cursors.get(deviceKey(driverId, deviceNo))
      return cursor?.sessionId === sessionId && cursor.lastSeq === expectedSeq
    })
    if (moved.length !== request.movesExpected) return refused("DM001")
    for (const row of request.rows) {
      if (!this.days.has(dayOf(row.recordedAt))) return refused("23514")
      if (row.battery === refusedBattery) return refused("23514", "driver_location_events_battery_check")
      const key = pointKey(row.driverId, row.deviceNo, row.seq)
      if (this.rows.has(key)) throw new Violation(`point ${key} is stored a second time`)
    }
    for (const row of request.rows) {
      this.rows.set(pointKey(row.driverId, row.deviceNo, row.seq), row)
      this.places.add(placeKey(row.driverId, row))
    }
    for (const { driverId, deviceNo, seq, code } of request.quarantined)
      this.quarantined.set(pointKey(driverId, deviceNo, seq), code)
    for (const move of moved) this.move(move)
    this.commits++
    return undefined
  }

  private move(move: RequestedMove): void {
    const key = deviceKey(move.driverId, move.deviceNo)
    const cursor = this.cursors.get(key) as StoredCursor
    for (let seq = cursor.lastSeq + 1; seq <= move.lastSeq; seq++) {
      const point = pointKey(move.driverId, move.deviceNo, seq)
      if (!this.rows.has(point) && !this.quarantined.has(point))
        throw new Violation(`cursor ${key} passes point ${seq}, which is nowhere`)
    }
    cursor.lastSeq = move.lastSeq
    cursor.lastRecordedAt = move.lastRecordedAt
    if (move.marker === undefined) return
    if (cursor.marker !== undefined && compareAge(move.marker, cursor.marker) < 0)
      throw new Violation(`marker of ${key} goes back`)
    if (!this.places.has(placeKey(move.driverId, move.marker)))
      throw new Violation(`marker of ${key} is where no stored point is`)
    cursor.marker = move.marker
  }

  /** HELLO's transaction: finds or makes the device, gives its cursor to a new session. Undefined: an older attempt. */
  openSession(driverId: string, deviceId: string, attempt: number | undefined): OpenedSession | undefined {
    const cursor = this.cursorOf(driverId, deviceId)
    if (attempt !== undefined && attempt < cursor.attempt) return undefined
    const replaced = cursor.sessionId
    const sessionId = simulatedId("5e55", ++this.sessions)
    cursor.sessionId = sessionId
    cursor.attempt = attempt ?? cursor.attempt + 1
    if (replaced !== undefined) for (const tell of this.replacedListeners) tell(replaced)
    return {
      sessionId,
      deviceNo: cursor.deviceNo,
      lastSeq: cursor.lastSeq,
      lastRecordedAt: cursor.lastRecordedAt,
      replacedSessionId: replaced,
      deviceMarker: cursor.marker,
      driverMarker: this.driverMarker(driverId),
      driverName: "Dana Driver",
      duty: undefined,
      dutyChanges: []
    }
  }

  /** The cursor of a device, made when there is none. */
  cursorOf(driverId: string, deviceId: string): StoredCursor {
    const own = [...this.cursors.values()].filter((cursor) => cursor.driverId === driverId)
    const known = own.find((cursor) => cursor.deviceId === deviceId)
    if (known !== undefined) return known
    const made: StoredCursor = {
      driverId,
      deviceId,
      deviceNo: own.length + 1,
      sessionId: undefined,
      attempt: 0,
      lastSeq: 0,
      lastRecordedAt: undefined,
      marker: undefined
    }
    this.cursors.set(deviceKey(driverId, made.deviceNo), made)
    return made
  }

  /** Newest marker over the driver's devices. */
  driverMarker(driverId: string): Marker | undefined {
    let newest: RequestedMarker | undefined
    for (const { driverId: owner, marker } of this.cursors.values()) {
      if (owner === driverId && marker !== undefined && (newest === undefined || compareAge(marker, newest) > 0))
        newest = marker
    }
    const { NaN: unknown } = Number
    return newest === undefined
      ? undefined
      : { ...newest, speedCms: unknown, headingCdeg: unknown, accuracyCm: unknown }
  }
}

/** Above 0 when `a` is newer. */
export const compareAge = (a: RequestedMarker, b: RequestedMarker): number =>
  a.recordedAt - b.recordedAt || a.receivedAt - b.receivedAt

/** A UUID that says what it is and its number. */
export const simulatedId = (kind: string, number: number): string =>
  `00000000-${kind}-7000-8000-${number.toString(16).padStart(12, "0")}`
