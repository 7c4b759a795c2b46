import { Client } from "pg"
import type { SocketFactory } from "../../src/client/SocketFactory.ts"
import { decodeFrame, type Frame, MalformedFrame } from "../../src/protocol/FrameCodec.ts"
import { DriverClientFrame, DriverServerFrame } from "../../src/protocol/FrameType.ts"

/** A point as it went over the wire. */
interface SentPoint {
  readonly recordedAt: number
  readonly latE7: number
  readonly lngE7: number
}

/** What one device has sent and been told. */
interface DeviceLedger {
  readonly key: string
  readonly sent: Map<number, SentPoint>
  ackedSeq: number
  readonly flagged: Map<number, string>
}

/** What the ledger and the database say about each other. Every list is empty when the promise is kept. */
export interface Verdict {
  readonly sent: number
  readonly acked: number
  readonly stored: number
  readonly quarantined: number
  /** Acknowledged, and neither stored nor quarantined. */
  readonly lost: ReadonlyArray<string>
  /** Stored twice, or stored and quarantined. */
  readonly doubled: ReadonlyArray<string>
  /** In the database and never sent, or sent otherwise. */
  readonly neverSent: ReadonlyArray<string>
  /** Drivers whose marker is not their newest unflagged point. */
  readonly markersWrong: ReadonlyArray<string>
  /** Devices whose cursor is not the number of their rows and quarantined points, or is below what was acknowledged. */
  readonly cursorsWrong: ReadonlyArray<string>
  /** Whatever the frames themselves showed to be wrong. */
  readonly contradictions: ReadonlyArray<string>
}

/** Flags that keep a point from the marker: jump and poor accuracy (02-protocol, section 2). */
const holdsMarker = 2 | 4

/**
 * An account of every point sent and every acknowledgement received, kept on the wire itself (between the client and its socket, so
 * that a mistake of the client's own book-keeping shows), to be compared with the database.
 */
export class Oracle {
  /** When CREDIT came and what it said, for every connection in order. */
  readonly credits: Array<{ readonly driverId: string; readonly window: number; readonly atMs: number }> = []
  readonly closes: Array<{ readonly driverId: string; readonly code: number }> = []
  sentPoints = 0
  /** Points settled by acknowledgements, each counted once. */
  ackedPoints = 0
  ackedAtMs = 0
  private readonly ledgers = new Map<string, DeviceLedger>()
  private readonly contradictions: Array<string> = []
  private readonly ackListeners: Array<(driverId: string, deviceId: string, seq: number) => void> = []

  /** Sockets that keep the account of one driver. `driverId` is the bare UUID. */
  watch(driverId: string, sockets: SocketFactory): SocketFactory {
    return (url, events) => {
      let ledger: DeviceLedger | undefined
      const socket = sockets(url, {
        ...events,
        received: (bytes) => {
          if (ledger !== undefined) this.heard(driverId, ledger, frameOf(bytes))
          events.received(bytes)
        },
        closed: (code, reason) => {
          this.closes.push({ driverId, code })
          events.closed(code, reason)
        }
      })
      return {
        ...socket,
        send: (bytes) => {
          const frame = frameOf(bytes)
          if (frame[0] === DriverClientFrame.hello) ledger = this.ledgerOf(driverId, String(frame[3]))
          else if (ledger !== undefined) this.said(ledger, frame)
          socket.send(bytes)
        }
      }
    }
  }

  /** Called for each ACK that settles something new. */
  onAck(listener: (driverId: string, deviceId: string, seq: number) => void): void {
    this.ackListeners.push(listener)
  }

  private ledgerOf(driverId: string, deviceId: string): DeviceLedger {
    const key = `${driverId}/${deviceId}`
    const known = this.ledgers.get(key)
    if (known !== undefined) return known
    const ledger: DeviceLedger = { key, sent: new Map(), ackedSeq: 0, flagged: new Map() }
    this.ledgers.set(key, ledger)
    return ledger
  }

  private said(ledger: DeviceLedger, frame: Frame): void {
    for (const { seq, ...point } of pointsOf(frame)) {
      const before = ledger.sent.get(seq)
      if (before === undefined) {
        ledger.sent.set(seq, point)
        this.sentPoints++
      } else if (!isSame(before, point))
        this.contradictions.push(`${ledger.key}: point ${seq} was sent again otherwise`)
    }
  }

  private heard(driverId: string, ledger: DeviceLedger, frame: Frame): void {
    if (frame[0] === DriverServerFrame.ack || frame[0] === DriverServerFrame.welcome) {
      const seq = Number(frame[0] === DriverServerFrame.ack ? frame[1] : frame[2])
      if (seq > ledger.sent.size) this.contradictions.push(`${ledger.key}: ${seq} acknowledged of ${ledger.sent.size}`)
      if (seq <= ledger.ackedSeq) return
      this.ackedPoints += seq - ledger.ackedSeq
      this.ackedAtMs = performance.now()
      ledger.ackedSeq = seq
      for (const listener of this.ackListeners) listener(driverId, ledger.key.slice(driverId.length + 1), seq)
    } else if (frame[0] === DriverServerFrame.credit) {
      this.credits.push({ driverId, window: Number(frame[1]), atMs: performance.now() })
    } else if (frame[0] === DriverServerFrame.flagged) {
      if (Number(frame[1]) <= ledger.ackedSeq) return
      ledger.flagged.set(Number(frame[1]), String(frame[2]))
    }
  }

  /** Compares with the database. Nothing may be writing to it meanwhile. */
  async judge(databaseUrl: string): Promise<Verdict> {
    const found = await readTelemetry(databaseUrl)
    const lost: Array<string> = []
    const doubled: Array<string> = []
    const neverSent: Array<string> = []
    const cursorsWrong: Array<string> = []
    const settled = new Map<string, Set<number>>()
    const settle = (key: string, seq: number, point: SentPoint | undefined): void => {
      const seqs = settled.get(key) ?? new Set<number>()
      settled.set(key, seqs)
      if (seqs.has(seq)) doubled.push(`${key} ${seq}`)
      seqs.add(seq)
      const sent = this.ledgers.get(key)?.sent.get(seq)
      if (sent === undefined || (point !== undefined && !isSame(sent, point))) neverSent.push(`${key} ${seq}`)
    }
    for (const row of found.rows) settle(row.key, row.seq, row)
    for (const point of found.quarantined) settle(point.key, point.seq, undefined)
    for (const ledger of this.ledgers.values()) {
      const seqs = settled.get(ledger.key)
      for (let seq = 1; seq <= ledger.ackedSeq; seq++) if (seqs?.has(seq) !== true) lost.push(`${ledger.key} ${seq}`)
      const cursor = found.cursors.get(ledger.key) ?? 0
      if (cursor !== (seqs?.size ?? 0) || cursor < ledger.ackedSeq) {
        cursorsWrong.push(
          `${ledger.key}: cursor ${cursor}, ${seqs?.size ?? 0} settled, ${ledger.ackedSeq} acknowledged`
        )
      }
    }
    return {
      sent: this.sentPoints,
      acked: this.ackedPoints,
      stored: found.rows.length,
      quarantined: found.quarantined.length,
      lost,
      doubled,
      neverSent,
      markersWrong: markersWrong(found),
      cursorsWrong,
      contradictions: this.contradictions
    }
  }
}

/** The verdict of a promise that was kept. */
export const kept = {
  lost: [],
  doubled: [],
  neverSent: [],
  markersWrong: [],
  cursorsWrong: [],
  contradictions: []
} as const

const isSame = (a: SentPoint, b: SentPoint): boolean =>
  a.recordedAt === b.recordedAt && a.latE7 === b.latE7 && a.lngE7 === b.lngE7

const frameOf = (bytes: Uint8Array): Frame => {
  const frame = decodeFrame(bytes, 16)
  if (frame instanceof MalformedFrame) throw new Error(`a frame cannot be read: ${frame.detail}`)
  return frame
}

/** The points of a POINT or BATCH of an honest client; none of any other frame. */
const pointsOf = (frame: Frame): ReadonlyArray<SentPoint & { readonly seq: number }> => {
  if (frame[0] === DriverClientFrame.point) {
    const [, seq, recordedAt, latE7, lngE7] = frame as ReadonlyArray<number>
    return [{ seq: seq ?? 0, recordedAt: recordedAt ?? 0, latE7: latE7 ?? 0, lngE7: lngE7 ?? 0 }]
  }
  if (frame[0] !== DriverClientFrame.batch) return []
  const [, firstSeq, t0, dt, lat, lng] = frame as [number, number, number, Array<number>, Array<number>, Array<number>]
  let [recordedAt, latE7, lngE7] = [t0, 0, 0]
  return dt.map((millis, i) => {
    recordedAt += millis
    latE7 += lat[i] ?? 0
    lngE7 += lng[i] ?? 0
    return { seq: firstSeq + i, recordedAt, latE7, lngE7 }
  })
}

interface StoredPoint extends SentPoint {
  readonly key: string
  readonly driverId: string
  readonly deviceNo: number
  readonly seq: number
  readonly receivedAt: number
  readonly flags: number
}

interface Telemetry {
  readonly rows: ReadonlyArray<StoredPoint>
  readonly quarantined: ReadonlyArray<{ readonly key: string; readonly seq: number; readonly code: string }>
  /** Last committed number of each device. */
  readonly cursors: ReadonlyMap<string, number>
  readonly markers: ReadonlyMap<string, SentPoint>
}

/** Everything the database holds of telemetry, in one snapshot. */
const readTelemetry = async (databaseUrl: string): Promise<Telemetry> => {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ")
    const device = "d.driver_id || '/' || d.device_identifier"
    const rows = await client.query<{
      k: string
      d: string
      n: number
      s: string
      t: number
      r: number
      lat: number
      lng: number
      f: number
    }>(
      `SELECT ${device} AS k, e.driver_id AS d, e.device_no AS n, e.seq AS s, (extract(epoch FROM e.recorded_at) * 1000)::float8 AS t,
         (extract(epoch FROM e.received_at) * 1000)::float8 AS r, e.lat, e.lng, e.flags AS f
       FROM driver_location_events e LEFT JOIN driver_devices d USING (driver_id, device_no)`
    )
    const quarantined = await client.query<{ k: string; s: string; code: string }>(
      `SELECT ${device} AS k, q.seq AS s, q.code FROM telemetry_quarantine q LEFT JOIN driver_devices d USING (driver_id, device_no)`
    )
    const cursors = await client.query<{ k: string; s: string }>(
      `SELECT ${device} AS k, c.last_seq AS s FROM driver_ingest_cursors c LEFT JOIN driver_devices d USING (driver_id, device_no)`
    )
    const markers = await client.query<{ d: string; t: number; lat: number; lng: number }>(
      "SELECT driver_id AS d, (extract(epoch FROM recorded_at) * 1000)::float8 AS t, lat, lng FROM active_driver_locations"
    )
    await client.query("COMMIT")
    return {
      rows: rows.rows.map((row) => ({
        key: row.k,
        driverId: row.d,
        deviceNo: row.n,
        seq: Number(row.s),
        recordedAt: Math.round(row.t),
        receivedAt: Math.round(row.r),
        latE7: Math.round(row.lat * 1e7),
        lngE7: Math.round(row.lng * 1e7),
        flags: row.f
      })),
      quarantined: quarantined.rows.map((row) => ({ key: row.k, seq: Number(row.s), code: row.code })),
      cursors: new Map(cursors.rows.map((row) => [row.k, Number(row.s)])),
      markers: new Map(
        markers.rows.map((row) => [
          row.d,
          { recordedAt: Math.round(row.t), latE7: Math.round(row.lat * 1e7), lngE7: Math.round(row.lng * 1e7) }
        ])
      )
    }
  } finally {
    await client.end()
  }
}

/** The marker of a driver is its greatest (recordedAt, receivedAt, device) among the points that may be one; of equal ones any. */
const markersWrong = ({ rows, markers }: Telemetry): ReadonlyArray<string> => {
  const newest = new Map<string, ReadonlyArray<StoredPoint>>()
  for (const row of rows) {
    if ((row.flags & holdsMarker) !== 0) continue
    const best = newest.get(row.driverId) ?? []
    const order = best[0] === undefined ? 1 : compareAge(row, best[0])
    if (order > 0) newest.set(row.driverId, [row])
    else if (order === 0) newest.set(row.driverId, [...best, row])
  }
  const drivers = new Set([...newest.keys(), ...markers.keys()])
  return [...drivers].flatMap((driverId) => {
    const [best, marker] = [newest.get(driverId), markers.get(driverId)]
    if (marker !== undefined && best?.some((point) => isSame(point, marker)) === true) return []
    return [`${driverId}: newest points ${JSON.stringify(best)}, marker ${JSON.stringify(marker)}`]
  })
}

/** Above 0 when `a` is newer. */
const compareAge = (a: StoredPoint, b: StoredPoint): number =>
  a.recordedAt - b.recordedAt || a.receivedAt - b.receivedAt || a.deviceNo - b.deviceNo
