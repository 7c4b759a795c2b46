const dayMs = 86_400_000
const minuteMs = 60_000

/** A phone's point each so often while it is on a tour. */
export const reportEveryMs = 30_000
/** Ticks of `reportEveryMs` in a day. */
export const ticksADay = dayMs / reportEveryMs

const tourTicks = 250
/** Points of one driver and day: a tour in the morning, one in the afternoon. */
export const pointsADay = 2 * tourTicks
/** Each 16th tour passes a place without network, from one tick to another; its points come when that is over. */
const silentTourEvery = 16
const silentFromTick = 120
const silentUntilTick = 140

const tourStart = (fromHour: number, spreadMinutes: number, seed: number): number =>
  ((fromHour * 60 + (seed % spreadMinutes)) * minuteMs) / reportEveryMs

/** On which tick of the day a driver's tours begin: from 06:00 to 10:00 and from 14:00 to 19:00 UTC, another minute each day. */
const toursOf = (driver: number, day: number): ReadonlyArray<number> => [
  tourStart(6, 240, driver * 37 + day * 11),
  tourStart(14, 300, driver * 53 + day * 17)
]

/**
 * Ticks whose points arrive at a tick, as [from, until): its own, none while there is no network, all that were held back when
 * it is there again.
 */
export const arrivingAt = (driver: number, day: number, tick: number): readonly [from: number, until: number] => {
  for (const [index, start] of toursOf(driver, day).entries()) {
    const into = tick - start
    if (into < 0 || into >= tourTicks) continue
    if ((driver + day + index) % silentTourEvery !== 0 || into < silentFromTick || into > silentUntilTick)
      return [tick, tick + 1]
    return into === silentUntilTick ? [start + silentFromTick, tick + 1] : [tick, tick]
  }
  return [tick, tick]
}

/** When a driver's point of a tick was recorded, Unix ms: phones do not report on the same second. */
export const recordedAtOf = (dayStartMs: number, driver: number, tick: number): number =>
  dayStartMs + tick * reportEveryMs + (driver % 30) * 1_000

/** The middle of the town that all drive in. */
export const town = { lat: 48.2082, lng: 16.3738 }

/** Where a driver is at a tick, as the wire's integers: rounds of 3.3 km radius at 11 m/s, about a centre of the driver's own. */
export const placeAt = (driver: number, tick: number): { readonly latE7: number; readonly lngE7: number } => {
  const angle = driver + tick / 10
  const lat = town.lat + ((driver % 40) - 20) / 400 + 0.03 * Math.sin(angle)
  const lng = town.lng + (Math.floor(driver / 40) - 25) / 300 + 0.045 * Math.cos(angle)
  return { latE7: Math.round(lat * 1e7), lngE7: Math.round(lng * 1e7) }
}
