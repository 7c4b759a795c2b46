/** Somebody who moves: degrees, and when they were there. */
export interface Mover {
  readonly id: string
  readonly lat: number
  readonly lng: number
  readonly recordedAt: number
}

interface Leg {
  /** The position that the leg leads to, by its time. */
  recordedAt: number
  fromLat: number
  fromLng: number
  toLat: number
  toLng: number
  startedMs: number
  durationMs: number
}

/** A leg takes as long as the driver took, within these bounds: a gap of minutes is not played back. Milliseconds. */
const legMsMin = 250
const legMsMax = 6_000
/** Above this distance in degrees (about 1 km) nobody watched the way: the marker jumps. */
const jumpDeg = 0.01

/** Where drivers are drawn: on the way from where they were drawn to where they were last seen, never beyond it. */
export class Glide {
  private readonly legs = new Map<string, Leg>()

  /** Notices new positions; `nowMs` on the monotonic clock. */
  take(drivers: Iterable<Mover>, nowMs: number): void {
    const present = new Set<string>()
    for (const driver of drivers) {
      present.add(driver.id)
      const leg = this.legs.get(driver.id)
      if (leg === undefined) {
        this.legs.set(driver.id, {
          recordedAt: driver.recordedAt,
          fromLat: driver.lat,
          fromLng: driver.lng,
          toLat: driver.lat,
          toLng: driver.lng,
          startedMs: nowMs,
          durationMs: 0
        })
      } else if (leg.recordedAt !== driver.recordedAt) this.begin(leg, driver, nowMs)
    }
    for (const id of this.legs.keys()) if (!present.has(id)) this.legs.delete(id)
  }

  private begin(leg: Leg, driver: Mover, nowMs: number): void {
    const [lat, lng] = between(leg, nowMs)
    const isJump = Math.abs(driver.lat - lat) > jumpDeg || Math.abs(driver.lng - lng) > jumpDeg
    const tookMs = Math.min(legMsMax, Math.max(legMsMin, driver.recordedAt - leg.recordedAt))
    leg.recordedAt = driver.recordedAt
    leg.fromLat = isJump ? driver.lat : lat
    leg.fromLng = isJump ? driver.lng : lng
    leg.toLat = driver.lat
    leg.toLng = driver.lng
    leg.startedMs = nowMs
    leg.durationMs = isJump ? 0 : tookMs
  }

  /** `[lng, lat]` to draw a driver at. */
  at(driver: Mover, nowMs: number): [number, number] {
    const leg = this.legs.get(driver.id)
    if (leg === undefined || leg.recordedAt !== driver.recordedAt) return [driver.lng, driver.lat]
    const [lat, lng] = between(leg, nowMs)
    return [lng, lat]
  }

  /** Whether any driver is between two places. */
  isMoving(nowMs: number): boolean {
    for (const leg of this.legs.values()) if (nowMs < leg.startedMs + leg.durationMs) return true
    return false
  }
}

const between = (leg: Leg, nowMs: number): readonly [lat: number, lng: number] => {
  const { fromLat, fromLng, toLat, toLng } = leg
  const share = leg.durationMs === 0 ? 1 : Math.min(1, (nowMs - leg.startedMs) / leg.durationMs)
  return [fromLat + (toLat - fromLat) * share, fromLng + (toLng - fromLng) * share]
}
