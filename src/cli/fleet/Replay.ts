import type { Fix } from "../../client/Fix.ts"
import type { RestClient } from "../../client/RestClient.ts"
import type { SocketFactory } from "../../client/SocketFactory.ts"
import type { StatusLine } from "../StatusLine.ts"
import { ClientFleet, pause, quantileForReport } from "./ClientFleet.ts"
import { ensureDrivers, stableEmail, TokenDesk } from "./DriverAccounts.ts"
import type { Track } from "./Trace.ts"

export interface ReplayOptions {
  readonly tracks: ReadonlyArray<Track>
  readonly rest: RestClient
  /** `ws://host:port/v1/driver`. */
  readonly socketUrl: string
  readonly sockets: SocketFactory
  /** How much faster than recorded; 0: as fast as credit allows. */
  readonly speed: number
  /** Send the times as recorded, however old. */
  readonly keepTimes: boolean
  /** Without any acknowledgement for this long while points wait, the replay fails. Milliseconds. */
  readonly giveUpAfterMs: number
  readonly status: StatusLine
  /** Ends it at once, with the report of what was done until then. */
  readonly signal: AbortSignal
}

/** What the replay prints at its end. A quantile is null when nothing was acknowledged. */
export interface ReplayReport {
  readonly vehicles: number
  /** Distinct points handed over; repeats after a reconnect are `points_resent`. */
  readonly points_sent: number
  /** Settled by the server, quarantined ones included. */
  readonly points_acked: number
  /**
   * Of those acked: the points that FLAGGED named. When a connection breaks between a commit and its FLAGGED, nobody says it again, so
   * the true number is at least this and at most this plus `points_acked_unseen`.
   */
  readonly points_quarantined: number
  /** Of those acked: learned from WELCOME after a connection broke, without a word on whether they were stored or quarantined. */
  readonly points_acked_unseen: number
  readonly points_resent: number
  readonly reconnects: number
  readonly duration_s: number
  readonly ack_p50_ms: number | null
  readonly ack_p99_ms: number | null
}

/** The replay did not get to its end; `report` says how far it came. */
export class ReplayIncomplete extends Error {
  readonly report: ReplayReport
  constructor(report: ReplayReport, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.name = "ReplayIncomplete"
    this.report = report
  }
}

/** A fix of a vehicle, with its place on the trace's own time line. */
interface Step {
  readonly vehicle: number
  /** Milliseconds since the first fix of the trace. */
  readonly atMs: number
  readonly fix: Fix
}

/** All fixes of all vehicles by time. */
export const stepsOf = (tracks: ReadonlyArray<Track>): ReadonlyArray<Step> => {
  let first = Number.POSITIVE_INFINITY
  for (const track of tracks) first = Math.min(first, track.fixes[0]?.recordedAt ?? first)
  const steps: Array<Step> = []
  for (const [vehicle, track] of tracks.entries()) {
    for (const fix of track.fixes) steps.push({ vehicle, atMs: fix.recordedAt - first, fix })
  }
  return steps.sort((a, b) => a.atMs - b.atMs)
}

/**
 * Where the trace's time line begins when its points are sent from `startMs` on: so that each is sent at its own time or later,
 * never before it. Speeds above 1 send sooner than recorded, so the trace is moved into the past by what is gained.
 */
export const timeBaseMs = (startMs: number, durationMs: number, speed: number): number =>
  speed === 0 ? startMs - durationMs : startMs + Math.min(0, durationMs / speed - durationMs)

/**
 * Plays a recorded trace as so many driver apps. Rejects with `ReplayIncomplete` once points have been sent; when the signal fires
 * then, it resolves with the report of what was done until then.
 */
export const replay = async (options: ReplayOptions): Promise<ReplayReport> => {
  const { tracks, status, signal } = options
  const steps = stepsOf(tracks)
  const fleet = await connectFleet(options)
  const startMs = Date.now()
  const startedAt = performance.now()
  const report = (): ReplayReport => reportOf(fleet, tracks.length, startedAt)
  const showProgress = (): void =>
    status.show(() => progressText(fleet, steps.length), fleet.total("acked") / Math.max(1, steps.length))
  const sent = { isAll: false }
  const over = new AbortController()
  try {
    await Promise.all([
      sendSteps(options, fleet, steps, startMs, AbortSignal.any([signal, over.signal])).then(() => {
        sent.isAll = true
      }),
      fleet
        .watch(() => sent.isAll && fleet.pending === 0, options.giveUpAfterMs, showProgress, signal)
        .catch((cause) => {
          // Ends the sending too, for the same reason: whichever rejects first tells the truth.
          over.abort(cause)
          throw cause
        })
    ])
    status.end(progressText(fleet, steps.length))
    return report()
  } catch (cause) {
    if (signal.aborted) return report()
    throw new ReplayIncomplete(report(), cause)
  } finally {
    await fleet.stop()
  }
}

const connectFleet = async (options: ReplayOptions): Promise<ClientFleet> => {
  const { tracks, rest, status, signal } = options
  const drivers = tracks.map(({ vehicleId }) => ({
    email: stableEmail(vehicleId, "replay.dropmate.local"),
    name: `Replay ${vehicleId}`.slice(0, 80)
  }))
  const known = await ensureDrivers(rest, drivers, (ready) =>
    status.show(() => `drivers ready: ${ready} of ${drivers.length}`, ready / drivers.length)
  )
  signal.throwIfAborted()
  const desk = new TokenDesk(rest)
  const fleet = new ClientFleet()
  for (const [index, { id }] of known.entries()) {
    fleet.add(drivers[index]?.email ?? id, {
      url: options.socketUrl,
      token: desk.providerOf(id),
      sockets: options.sockets,
      appVersion: "replay",
      // The trace has its own rhythm: a paced point goes out when it is due.
      holdMsMax: 0
    })
  }
  await fleet.start(signal)
  return fleet
}

/** With speed 0 this many points are handed over before the event loop gets a turn. */
const stepsPerTurn = 2_000
/** Points handed over and not acknowledged, all vehicles together; a bound on memory when the server is away. */
const pendingMax = 1_000_000

const sendSteps = async (
  options: ReplayOptions,
  fleet: ClientFleet,
  steps: ReadonlyArray<Step>,
  startMs: number,
  signal: AbortSignal
): Promise<void> => {
  const { speed, keepTimes } = options
  const baseMs = timeBaseMs(startMs, steps.at(-1)?.atMs ?? 0, speed)
  const startedAt = performance.now()
  for (const [index, step] of steps.entries()) {
    if (speed > 0) {
      const dueInMs = step.atMs / speed - (performance.now() - startedAt)
      if (dueInMs > 0) await pause(Math.ceil(dueInMs), signal)
    }
    if (index % stepsPerTurn === 0) {
      while (fleet.pending > pendingMax) await pause(50, signal)
      if (speed === 0) await pause(0, signal)
    }
    const fix = keepTimes ? step.fix : { ...step.fix, recordedAt: Math.floor(baseMs + step.atMs) }
    while (fleet.clients[step.vehicle]?.report(fix) === false) await pause(50, signal)
  }
}

const reportOf = (fleet: ClientFleet, vehicles: number, startedAt: number): ReplayReport => ({
  vehicles,
  points_sent: fleet.total("reported"),
  points_acked: fleet.total("acked"),
  points_quarantined: fleet.total("quarantined"),
  points_acked_unseen: fleet.total("ackedUnseen"),
  points_resent: fleet.total("resent"),
  reconnects: Math.max(0, fleet.total("welcomes") - vehicles),
  duration_s: Math.round(performance.now() - startedAt) / 1_000,
  ack_p50_ms: quantileForReport(fleet.ackLatency, 0.5),
  ack_p99_ms: quantileForReport(fleet.ackLatency, 0.99)
})

const progressText = (fleet: ClientFleet, points: number): string =>
  `${fleet.live}/${fleet.clients.length} connected, ${fleet.total("reported")}/${points} points sent, ${fleet.total("acked")} acknowledged, ${fleet.total("quarantined")} quarantined`
