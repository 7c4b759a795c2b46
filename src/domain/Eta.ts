import { distanceM } from "./Geo.ts"

/**
 * When a parcel is expected at its drop-off. All instants are Unix milliseconds of the server's clock: nothing here has ever seen
 * a phone's time, so a phone whose clock is days off changes no estimate (P05).
 *
 * By position, with the driver heard at `heardAt` and every leg a great circle:
 *
 *     way    = sum over the legs of d * detour(d)
 *     speed  = (priorS * prior + weightS * movingMps * movingShare) / (priorS + weightS)
 *     median = way / speed + doors * serviceS + the breaks' own times
 *     spread = 1.2816 * sqrt((travelSpread * way / speed)^2 + stops * serviceSpreadS^2 + doorSpreadS^2)
 *     p50At  = heardAt + median            (the driver went on while nothing was heard)
 *     p90At  = now + median + spread       (or stood still since)
 *
 * So the range narrows as the way gets shorter, and widens by a second for each second without a position. 1.2816 is the 90 %
 * quantile of the normal distribution.
 */
export interface Eta {
  /** As likely earlier as later. */
  readonly p50At: number
  /** Nine times of ten earlier. */
  readonly p90At: number
  readonly computedAt: number
  /** What it rests on: where the driver is, or only what was promised. */
  readonly source: "position" | "schedule"
  /** Metres still to drive; only by position, and only when no other customer's door lies between. */
  readonly remainingM: number | undefined
  /** Stops before the drop-off; only by position. */
  readonly stopsAhead: number | undefined
}

/** Degrees. */
export interface Door {
  readonly lat: number
  readonly lng: number
}

/** A place where a driver stops before. */
export interface Visit extends Door {
  /** How long they stay, seconds; absent: as long as a door takes. */
  readonly stayS?: number
}

/** Bounds of estimates; the numbers are in Limits. */
export interface EtaBounds {
  /** While under way nobody is told an arrival sooner than this. */
  readonly etaFloorMs: number
  /** Estimates are rounded up to multiples of this. */
  readonly etaStepMs: number
  /** A position that was heard longer ago says nothing about an arrival. */
  readonly etaSilentMs: number
  /** Watchers are not told of smaller changes. */
  readonly etaToldMs: number
  readonly etaToldEveryMs: number
}

/**
 * The constants of the estimate, each with its source.
 * - `detour`: roads are longer than the line. Random points of a city are 1.2 apart by road (Newell 1980), and short trips are more
 *   circuitous than long ones (Giacomin and Levinson, Environment and Planning B 42, 2015). The simulated city measures 1.25 to 1.30.
 * - `priorMps`: 805 couriers of the set of Eftelioglu et al. (IWCTS 2022) drove at 6.6 m/s, waiting at lights included; cyclists at
 *   16 km/h is the average of Copenhagen's Bicycle Account; walking at 1.3 m/s is comfortable gait (Bohannon 1997).
 * - `movingShare`: of their time at the wheel those couriers moved for 0.74, the simulated city's drivers for 0.63.
 * - `serviceS`, `serviceSpreadS`: an assumption, two minutes at a door, give or take.
 * - `travelSpread`, `doorSpreadS`: what lets nine of ten drives of the simulated city end by p90 (test/domain/EtaCalibration.test.ts).
 */
export const etaModel = {
  detourFar: 1.25,
  detourNearExtra: 0.2,
  detourScaleM: 1_000,
  priorMps: { foot: 1.3, bicycle: 4.4, motor: 6.6 },
  priorS: 120,
  movingShare: 0.7,
  /** Slower than this is standing: it says nothing about the speed of the drive. */
  movingMps: 1.5,
  movingMpsMax: 35,
  /** What was heard so long ago counts a third. */
  memoryS: 300,
  /** One position stands for no more than this. */
  sampleSMax: 20,
  serviceS: 120,
  serviceSpreadS: 80,
  travelSpread: 0.25,
  doorSpreadS: 15,
  remainingStepM: 50,
  /** A change must also be this share of the time left: ten minutes off an hour away is no news. */
  toldShare: 0.1
} as const

const ninetiethNormal = 1.2816

/** How fast a driver has been going, by what was heard; grows old. */
export interface Pace {
  /** Ground speed while moving, averaged. */
  readonly movingMps: number
  /** Seconds of driving that the average rests on. */
  readonly weightS: number
  /** When it was last heard of, server clock; NaN before. */
  readonly heardAt: number
}

/** Of a driver who was not heard yet. */
export const noPace: Pace = { movingMps: 0, weightS: 0, heardAt: Number.NaN }

/** The pace after a position with a ground speed (cm/s, NaN or negative for unknown). */
export const paceAfter = (pace: Pace, speedCms: number, heardAt: number): Pace => {
  const { memoryS, movingMps, movingMpsMax, sampleSMax } = etaModel
  const sinceS = Number.isNaN(pace.heardAt) ? sampleSMax : Math.max(0, (heardAt - pace.heardAt) / 1_000)
  const weightS = pace.weightS * Math.exp(-sinceS / memoryS)
  const mps = Math.min(speedCms / 100, movingMpsMax)
  if (!(mps >= movingMps)) return { ...pace, weightS, heardAt }
  const sampleS = Math.min(sinceS, sampleSMax)
  const afterS = weightS + sampleS
  if (afterS === 0) return { ...pace, heardAt }
  return { movingMps: (pace.movingMps * weightS + mps * sampleS) / afterS, weightS: afterS, heardAt }
}

const priorMps = (vehicleType: string | undefined): number =>
  vehicleType === "foot" || vehicleType === "bicycle" ? etaModel.priorMps[vehicleType] : etaModel.priorMps.motor

/** Metres a second from door to door, waiting at lights included. */
export const effectiveMps = (pace: Pace, vehicleType: string | undefined): number => {
  const { movingShare, priorS } = etaModel
  const { movingMps, weightS } = pace
  return (priorS * priorMps(vehicleType) + weightS * movingMps * movingShare) / (priorS + weightS)
}

/** Metres by road for metres as the crow flies. */
export const roadM = (lineM: number): number =>
  lineM * (etaModel.detourFar + etaModel.detourNearExtra * Math.exp(-lineM / etaModel.detourScaleM))

/** What an estimate by position is made from. */
export interface DriverUnderWay {
  /** Degrees x 10^7. */
  readonly latE7: number
  readonly lngE7: number
  /** When the server heard of that place, by its own clock. */
  readonly heardAt: number
  readonly pace: Pace
  readonly vehicleType: string | undefined
  /** Where the driver stops before, in order. */
  readonly stopsAhead: ReadonlyArray<Visit>
  readonly destination: Door
}

const wayM = ({ latE7, lngE7, stopsAhead, destination }: DriverUnderWay): number => {
  let [fromLat, fromLng, sumM] = [latE7, lngE7, 0]
  for (const { lat, lng } of [...stopsAhead, destination]) {
    const [toLat, toLng] = [Math.round(lat * 1e7), Math.round(lng * 1e7)]
    sumM += roadM(distanceM(fromLat, fromLng, toLat, toLng))
    ;[fromLat, fromLng] = [toLat, toLng]
  }
  return sumM
}

const upTo = (value: number, step: number): number => Math.ceil(value / step) * step

/** The estimate of a driver who is on the way; undefined when nothing was heard for too long. */
export const etaByPosition = (driver: DriverUnderWay, now: number, bounds: EtaBounds): Eta | undefined => {
  const heardAt = Math.min(driver.heardAt, now)
  if (now - heardAt > bounds.etaSilentMs) return undefined
  const { serviceS, serviceSpreadS, travelSpread, doorSpreadS, remainingStepM } = etaModel
  const lengthM = wayM(driver)
  const stops = driver.stopsAhead.length
  const travelS = lengthM / effectiveMps(driver.pace, driver.vehicleType)
  const staysS = driver.stopsAhead.reduce((sum, { stayS }) => sum + (stayS ?? serviceS), 0)
  const medianMs = (travelS + staysS) * 1_000
  const spreadMs =
    ninetiethNormal * Math.hypot(travelSpread * travelS, Math.sqrt(stops) * serviceSpreadS, doorSpreadS) * 1_000
  const p50At = upTo(Math.max(heardAt + medianMs, now + bounds.etaFloorMs), bounds.etaStepMs)
  return {
    p50At,
    p90At: Math.max(p50At, upTo(now + medianMs + spreadMs, bounds.etaStepMs)),
    computedAt: now,
    source: "position",
    remainingM: stops === 0 ? upTo(lengthM, remainingStepM) : undefined,
    stopsAhead: stops
  }
}

/**
 * The estimate that a promised window gives: the middle of what is left of it, and its end. Undefined once the end is nearer than
 * the floor: a promise that is about to be broken estimates nothing.
 */
export const etaBySchedule = (
  window: { readonly startMs: number | undefined; readonly endMs: number },
  now: number,
  bounds: EtaBounds
): Eta | undefined => {
  const { startMs = now, endMs } = window
  if (endMs < now + bounds.etaFloorMs) return undefined
  const middle = (Math.max(startMs, now) + endMs) / 2
  const p50At = upTo(Math.max(middle, now + bounds.etaFloorMs), bounds.etaStepMs)
  return {
    p50At,
    p90At: Math.max(p50At, endMs),
    computedAt: now,
    source: "schedule",
    remainingM: undefined,
    stopsAhead: undefined
  }
}

/**
 * Whether watchers are to be told another estimate. An arrival that is always about to change is worse than one that is a little
 * off, so it takes a change beyond the threshold, and time since the last one; at once only what makes the old one wrong: its p50
 * has passed, it rests on something else, or a stop ahead is done.
 */
export const isWorthTelling = (told: Eta | undefined, next: Eta, bounds: EtaBounds): boolean => {
  if (told === undefined || told.source !== next.source || told.stopsAhead !== next.stopsAhead) return true
  const now = next.computedAt
  if (now >= told.p50At) return true
  if (now - told.computedAt < bounds.etaToldEveryMs) return false
  const enoughMs = Math.max(bounds.etaToldMs, etaModel.toldShare * (told.p50At - now))
  return Math.abs(next.p50At - told.p50At) > enoughMs || Math.abs(next.p90At - told.p90At) > 2 * enoughMs
}

/** What is committed of an estimate. */
export interface KeptEta {
  readonly p50At: number
  readonly computedAt: number
}

/**
 * Whether an estimate is to be committed and become an event: the first one, then one that moved far, seldom. Seldom is by now and
 * not by when `next` was made: one that comes too soon after another is kept later, though nothing newer is told.
 */
export const isWorthKeeping = (
  kept: KeptEta | undefined,
  next: Eta,
  nowMs: number,
  bounds: { readonly etaKeptMs: number; readonly etaKeptEveryMs: number }
): boolean =>
  kept === undefined ||
  (nowMs - kept.computedAt >= bounds.etaKeptEveryMs && Math.abs(next.p50At - kept.p50At) > bounds.etaKeptMs)
