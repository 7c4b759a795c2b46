import type { DriverClient } from "../../client/DriverClient.ts"
import { MessagesRest } from "../../client/MessagesRest.ts"
import { RestClient } from "../../client/RestClient.ts"
import type { SocketFactory } from "../../client/SocketFactory.ts"
import { TokenSource } from "../../client/TokenSource.ts"
import { DriverMotion } from "../../domain/simulation/DriverMotion.ts"
import { PhoneSensor } from "../../domain/simulation/PhoneSensor.ts"
import { RoutePlanner } from "../../domain/simulation/RoutePlanner.ts"
import { SeededRandom } from "../../domain/simulation/SeededRandom.ts"
import { buildStreetNetwork } from "../../domain/simulation/StreetNetwork.ts"
import type { StatusLine } from "../StatusLine.ts"
import { Camera } from "./Camera.ts"
import { ClientFleet, pause, quantileForReport } from "./ClientFleet.ts"
import { Disappearance } from "./Disappearance.ts"
import { ensureDrivers, TokenDesk } from "./DriverAccounts.ts"
import { DriverChat } from "./DriverChat.ts"
import { type DriverHabits, steadyHabits } from "./DriverHabits.ts"
import { Errands } from "./Errands.ts"
import { resumePlaces } from "./LastPlaces.ts"
import { OfferReplies } from "./OfferReplies.ts"
import type { ParcelSource } from "./Parcel.ts"
import { type City, SimulatedDriver } from "./SimulatedDriver.ts"
import { simulatedPerson } from "./SimulatedPerson.ts"
import { type Finding, type Violation, violationsOf } from "./Violation.ts"

export interface SimulationOptions {
  readonly drivers: number
  readonly seed: number
  /** Simulated seconds per second. */
  readonly speed: number
  /**
   * `past`: a faster fleet begins so long ago that its phones' clocks end now. `present`: their clocks are right, and a faster fleet drives
   * through a model of the city that is as much smaller. Up to speed 1 there is no difference.
   */
  readonly era: "past" | "present"
  readonly habits?: DriverHabits
  readonly parcelOf?: ParcelSource
  /** Real seconds until the fleet stops driving; infinity: until the signal. */
  readonly durationS: number
  readonly rest: RestClient
  /** The server's HTTP address. */
  readonly url: string
  readonly socketUrl: string
  readonly sockets: SocketFactory
  /** Without any acknowledgement for this long while points wait, the simulation fails. Milliseconds. */
  readonly giveUpAfterMs: number
  /** After the signal: how long the fleet may take to go off duty and deliver the rest. Milliseconds. */
  readonly windUpMsMax: number
  readonly status: StatusLine
  /** Ends the driving; the report follows. While drivers are still being made it ends everything. */
  readonly signal: AbortSignal
  /** The fleet drives on after `durationS` as long as this says so. */
  readonly isBusy?: () => boolean
  /** What else there is to say of how far it is. */
  readonly progress?: () => string
  /** What else happens in the city while it drives; ends when its signal fires, before the fleet winds up. */
  readonly beside?: (city: City, signal: AbortSignal) => Promise<void>
}

/** What a simulation prints at its end. */
export interface SimulationReport {
  readonly drivers: number
  readonly seed: number
  readonly points_sent: number
  readonly points_acked: number
  /** The points that FLAGGED named; the true number is at most this plus `points_acked_unseen` (see `ReplayReport`). */
  readonly points_quarantined: number
  readonly points_acked_unseen: number
  readonly points_resent: number
  readonly beacons: number
  readonly stops_served: number
  /** Times a phone lost its network, in a dead zone or for minutes wherever it was. */
  readonly outages: number
  /** Times a driver was welcomed again. */
  readonly reconnects: number
  /** Times the server or the network ended a connection, or none could be made. */
  readonly losses: number
  readonly duration_s: number
  readonly ack_p50_ms: number | null
  readonly ack_p99_ms: number | null
  /** What an honest fleet must never see; empty when all is well. */
  readonly violations: ReadonlyArray<Violation>
}

const tickMs = 100
const phaseSMax = 2

/** What an honest driver may be told too: somebody else was first, or the shipment was cancelled or given to another meanwhile. */
const ordinaryRefusals: ReadonlySet<unknown> = new Set([
  "stale_fencing_token",
  "illegal_transition",
  "shipment_already_taken",
  "offer_expired",
  "offer_withdrawn",
  "offer_not_found",
  // Whoever delivers judges it: a driver may have misunderstood the PIN.
  "proof_invalid"
])

/** Notes what should not happen to a fleet. */
class FleetFindings {
  private readonly findings: Array<Finding> = []

  note(id: string, invariant: string, seen = ""): void {
    this.findings.push({ id, invariant, seen })
  }

  /** The credit window may close between two frames, and a killed connection leaves gaps: those are ordinary. */
  observe(id: string, client: DriverClient): void {
    client.on("flagged", ({ seq, code }) => this.note(id, `no point is quarantined (${code})`, `point ${seq}`))
    client.on("refused", ({ code, expectedSeq }) => {
      if (code !== "credit_exceeded") this.note(id, `no point is refused (${code})`, `${expectedSeq} was expected`)
    })
    client.on("newDevice", () => this.note(id, "the server's sequence of a device is the app's"))
    client.on("result", ({ ok, detail }) => {
      if (!ok && !ordinaryRefusals.has(detail?.code))
        this.note(id, `no command is refused (${String(detail?.code ?? "no reason")})`, String(detail?.detail ?? ""))
    })
  }

  get violations(): ReadonlyArray<Violation> {
    return violationsOf(this.findings)
  }
}

/** A run that is under way. */
interface Run {
  readonly options: SimulationOptions
  readonly fleet: ClientFleet
  readonly city: City
  readonly elapsedS: () => number
  /** A second of simulated time as Unix milliseconds. */
  readonly unixMs: (atS: number) => number
}

/**
 * Drives an honest fleet through the city of a seed, over real sockets. Ways, stops, errors and dead zones depend on the seed alone,
 * except that drivers of an earlier run go on from where it left them; what the network does to them does not. Ends after `durationS`, or early when the signal fires.
 */
export const simulate = async (options: SimulationOptions): Promise<SimulationReport> => {
  const { durationS, speed, status } = options
  const findings = new FleetFindings()
  const fleet = new ClientFleet()
  const over = new AbortController()
  const city = await makeCity(options, fleet, findings, over.signal)
  const { drivers } = city
  const startedAt = performance.now()
  // Faster than real time the fleet begins in the past, so that it ends in the present and no point is ever ahead of the clock.
  const baseMs = Math.floor(Date.now() - (isInThePast(options) ? (speed - 1) * durationS * 1_000 : 0))
  const run: Run = {
    options,
    fleet,
    city,
    elapsedS: () => (performance.now() - startedAt) / 1_000,
    unixMs: (atS) => baseMs + (atS * 1_000) / paceOf(options)
  }
  try {
    await drive(run)
    await windUp(run)
    status.end(statusText(run))
  } finally {
    over.abort(new Error("the simulation is over"))
    await fleet.stop()
  }
  for (const [index, { client }] of drivers.entries()) {
    const { reported, acked } = client.counters
    const id = drivers[index]?.driverId ?? ""
    const { camera, chat, errands } = drivers[index] ?? {}
    if (camera?.refused !== undefined) findings.note(id, "no picture is refused", camera.refused)
    if (chat?.refused !== undefined) findings.note(id, "no message is refused", chat.refused)
    if (errands?.refusedProof !== undefined) findings.note(id, "no true proof is refused", errands.refusedProof)
    if (acked !== reported) findings.note(id, "every point is acknowledged", `${acked} of ${reported}`)
  }
  return reportOf(options, fleet, drivers, findings, run.elapsedS())
}

/** Such a fleet lives through hours that an earlier run may have lived through already. */
const isInThePast = ({ speed, era }: SimulationOptions): boolean => speed > 1 && era === "past"

/** Simulated seconds for each second of the phones' clocks. */
const paceOf = (options: SimulationOptions): number => (isInThePast(options) ? 1 : options.speed)

const isOver = ({ options, elapsedS }: Run): boolean =>
  options.signal.aborted || (elapsedS() >= options.durationS && options.isBusy?.() !== true)

/** Simulated seconds lived; a fleet in the past lives up to now and no further. */
const livedS = ({ options, elapsedS }: Run): number =>
  (isInThePast(options) ? Math.min(elapsedS(), options.durationS) : elapsedS()) * options.speed

/** Drives until the time is over or the signal fires. */
const drive = async (run: Run): Promise<void> => {
  const { options, fleet, city, elapsedS, unixMs } = run
  const { drivers } = city
  const { durationS, signal, status, beside = async () => undefined } = options
  const over = new AbortController()
  const show = (): void => status.show(() => statusText(run), elapsedS() / durationS)
  const roll = async (): Promise<void> => {
    await fleet.start(signal)
    // Fails only when the client stops for good, which the watch reports.
    for (const { client } of drivers) client.duty("on", unixMs(0)).catch(() => undefined)
    while (!isOver(run)) {
      await pause(tickMs, signal)
      const nowS = livedS(run)
      for (const driver of drivers) driver.liveUntil(nowS, unixMs)
    }
    over.abort(new Error("the drive is over"))
  }
  try {
    const events = beside(city, AbortSignal.any([signal, over.signal]))
    await Promise.all([roll(), events, fleet.watch(() => isOver(run), options.giveUpAfterMs, show, signal)])
  } catch (cause) {
    if (!signal.aborted) throw cause
  }
}

/**
 * The working day ends: everybody goes off duty and delivers what waits. A fleet in the past stays on duty: its next run begins before
 * this end, and would find itself off duty in the middle of it.
 */
const windUp = async (run: Run): Promise<void> => {
  const { options, fleet, city, unixMs } = run
  const { signal, status } = options
  const endMs = Math.ceil(unixMs(livedS(run)))
  let answersDue = 0
  for (const { client } of city.drivers) {
    client.online()
    if (isInThePast(options)) continue
    answersDue++
    // As above: a client that stops for good is reported by the watch.
    const answered = (): void => {
      answersDue--
    }
    client.duty("off", endMs).then(answered, answered)
  }
  const show = (): void => status.show(() => statusText(run))
  const isDone = (): boolean =>
    fleet.pending === 0 && answersDue === 0 && city.drivers.every(({ camera }) => camera.unsent === 0)
  if (!signal.aborted) {
    await fleet.watch(isDone, options.giveUpAfterMs, show, signal).catch((cause: unknown) => {
      if (!signal.aborted) throw cause
    })
  }
  const endByMs = performance.now() + options.windUpMsMax
  const isLate = (): boolean => performance.now() >= endByMs
  await fleet.watch(() => isDone() || isLate(), Number.POSITIVE_INFINITY, show, new AbortController().signal)
}

const makeCity = async (
  options: SimulationOptions,
  fleet: ClientFleet,
  findings: FleetFindings,
  over: AbortSignal
): Promise<City> => {
  const { rest, seed, status } = options
  const domain = isInThePast(options) ? "past.simulation.dropmate.local" : "simulation.dropmate.local"
  const people = Array.from({ length: options.drivers }, (_, index) => simulatedPerson(index, domain))
  const known = await ensureDrivers(rest, people, (ready) =>
    status.show(() => `drivers ready: ${ready} of ${people.length}`, ready / people.length)
  )
  options.signal.throwIfAborted()
  const desk = new TokenDesk(rest)
  const pace = paceOf(options)
  const habits = options.habits ?? steadyHabits
  const network = buildStreetNetwork({ seed, scale: 1 / Math.max(1, pace) })
  const planner = new RoutePlanner(network)
  const random = new SeededRandom(seed)
  const drivers = known.map(({ id }, index) => {
    const client = fleet.add(people[index]?.email ?? id, {
      url: options.socketUrl,
      token: desk.providerOf(id),
      sockets: options.sockets,
      appVersion: "simulation",
      platform: index % 3 === 0 ? "ios" : "android"
    })
    findings.observe(id, client)
    const motion = new DriverMotion(network, planner, random.fork(index * 2))
    const sensor = new PhoneSensor(network, motion, random.fork(index * 2 + 1))
    const phaseS = random.fork(people.length * 2 + index).next() * phaseSMax
    const [workLuck, offerLuck, networkLuck, photoLuck] = [3, 4, 5, 6].map((turn) =>
      random.fork(people.length * turn + index)
    )
    const tokens = new TokenSource(desk.providerOf(id))
    const own = new RestClient({ url: options.url, retryForMs: options.giveUpAfterMs })
    own.authorizeWith(async () => (await tokens.current(Date.now())) ?? "")
    const camera = new Camera({ client, rest: own, random: photoLuck ?? random, signal: over })
    const chat = new DriverChat({ client, rest: new MessagesRest(own), signal: over })
    const work = { client, motion, network, habits, camera, chat, parcelOf: options.parcelOf ?? (() => undefined) }
    const errands = new Errands({ ...work, random: workLuck ?? random })
    const offers = new OfferReplies(client, habits, offerLuck ?? random)
    const disappearance = new Disappearance(habits, networkLuck ?? random)
    return new SimulatedDriver({
      driverId: id,
      client,
      motion,
      sensor,
      errands,
      offers,
      camera,
      chat,
      disappearance,
      pace,
      phaseS
    })
  })
  const city = { network, drivers }
  if (!isInThePast(options))
    await resumePlaces(rest, city, new Set(known.flatMap(({ id, isOld }) => (isOld ? [id] : []))))
  return city
}

const reportOf = (
  options: SimulationOptions,
  fleet: ClientFleet,
  drivers: ReadonlyArray<SimulatedDriver>,
  findings: FleetFindings,
  elapsedS: number
): SimulationReport => {
  const sum = (each: (driver: SimulatedDriver) => number): number =>
    drivers.reduce((total, driver) => total + each(driver), 0)
  return {
    drivers: drivers.length,
    seed: options.seed,
    points_sent: fleet.total("reported"),
    points_acked: fleet.total("acked"),
    points_quarantined: fleet.total("quarantined"),
    points_acked_unseen: fleet.total("ackedUnseen"),
    points_resent: fleet.total("resent"),
    beacons: fleet.total("beacons"),
    stops_served: sum((driver) => driver.motion.stopsServed),
    outages: sum((driver) => driver.outages),
    reconnects: Math.max(0, fleet.total("welcomes") - drivers.length),
    losses: fleet.total("losses"),
    duration_s: Math.round(elapsedS * 1_000) / 1_000,
    ack_p50_ms: quantileForReport(fleet.ackLatency, 0.5),
    ack_p99_ms: quantileForReport(fleet.ackLatency, 0.99),
    violations: findings.violations
  }
}

const statusText = (run: Run): string => {
  const { fleet, options } = run
  const driven = `${Math.floor(livedS(run))} s driven, ${fleet.live}/${fleet.clients.length} connected, ${fleet.total("reported")} points, ${fleet.total("acked")} acknowledged, ${fleet.pending} waiting, ${fleet.total("losses")} losses`
  return options.progress === undefined ? driven : `${driven}; ${options.progress()}`
}
