import { describe, expect, it } from "vitest"
import { distanceM } from "../../../src/domain/Geo.ts"
import { DriverMotion } from "../../../src/domain/simulation/DriverMotion.ts"
import { PhoneSensor } from "../../../src/domain/simulation/PhoneSensor.ts"
import { RoutePlanner } from "../../../src/domain/simulation/RoutePlanner.ts"
import { SeededRandom } from "../../../src/domain/simulation/SeededRandom.ts"
import {
  buildStreetNetwork,
  nearestCrossing,
  nearestStreet,
  placeDegrees,
  placeMetres,
  type StreetNetwork,
  streetKinds
} from "../../../src/domain/simulation/StreetNetwork.ts"

const seeds = [1, 2, 3, 42, 4_294_967_295]

const streetCostS = (network: StreetNetwork, street: number): number =>
  (network.lengthM[street] as number) / (streetKinds[network.kind[street] as number]?.speedMps ?? 1)

/** The quickest way by plain relaxation until nothing changes: slow and obviously right. */
const exactCosts = (network: StreetNetwork, from: number): Float64Array => {
  const costs = new Float64Array(network.x.length).fill(Number.POSITIVE_INFINITY)
  costs[from] = 0
  for (let changed = true; changed; ) {
    changed = false
    for (let crossing = 0; crossing < network.x.length; crossing++) {
      for (
        let street = network.firstStreet[crossing] as number;
        street < (network.firstStreet[crossing + 1] as number);
        street++
      ) {
        const cost = (costs[crossing] as number) + streetCostS(network, street)
        if (cost >= (costs[network.to[street] as number] as number) - 1e-9) continue
        costs[network.to[street] as number] = cost
        changed = true
      }
    }
  }
  return costs
}

describe("a city", () => {
  it.each(seeds)("of seed %i lets every crossing be reached from every other", (seed) => {
    const network = buildStreetNetwork({ seed })
    expect(network.x.length).toBeGreaterThan(900)
    expect([...exactCosts(network, 0)].every(Number.isFinite)).toBe(true)
  })

  it("is the same for the same seed and another for another", () => {
    const [one, again, other] = [1, 1, 2].map((seed) => buildStreetNetwork({ seed }))
    expect(again?.lengthM).toEqual(one?.lengthM)
    expect(other?.lengthM).not.toEqual(one?.lengthM)
  })

  it.each(seeds)("of seed %i has a river that only bridges cross", (seed) => {
    const network = buildStreetNetwork({ seed })
    let bridges = 0
    for (let from = 0; from < network.x.length; from++) {
      for (
        let street = network.firstStreet[from] as number;
        street < (network.firstStreet[from + 1] as number);
        street++
      ) {
        const to = network.to[street] as number
        const isNorth = (n: number): boolean => (network.y[n] as number) > network.riverY(network.x[n] as number)
        const isBridge = streetKinds[network.kind[street] as number]?.name === "bridge"
        expect(isNorth(from) !== isNorth(to)).toBe(isBridge)
        if (isBridge) bridges++
      }
    }
    expect(bridges).toBeGreaterThanOrEqual(4)
  })
})

describe("a route", () => {
  it("is as quick as the quickest there is", () => {
    const network = buildStreetNetwork({ seed: 5, columns: 14, rows: 12 })
    const planner = new RoutePlanner(network)
    const random = new SeededRandom(5)
    for (let i = 0; i < 5; i++) {
      const from = random.below(network.x.length)
      const exact = exactCosts(network, from)
      for (let j = 0; j < 20; j++) {
        const to = random.below(network.x.length)
        const route = planner.route(from, to) ?? []
        const cost = route.reduce((sum, street) => sum + streetCostS(network, street), 0)
        expect(cost).toBeCloseTo(exact[to] as number, 6)
      }
    }
  })
})

describe("a driver", () => {
  const drive = (seed: number, seconds: number) => {
    const network = buildStreetNetwork({ seed })
    const random = new SeededRandom(seed)
    const motion = new DriverMotion(network, new RoutePlanner(network), random.fork(0))
    const sensor = new PhoneSensor(network, motion, random.fork(1))
    const readings = Array.from({ length: seconds }, () => {
      motion.advance(1)
      return sensor.read(1)
    })
    return { motion, readings }
  }

  it("drives the same way for the same seed", () => {
    expect(drive(3, 600).readings).toEqual(drive(3, 600).readings)
  })

  it.each(seeds)("of seed %i moves plausibly: no jumps, no speed beyond the streets', stops and goes", (seed) => {
    const { motion, readings } = drive(seed, 3_600)
    let moving = 0
    for (const [index, reading] of readings.entries()) {
      const before = readings[index - 1] ?? reading
      const movedM = distanceM(before.lat * 1e7, before.lng * 1e7, reading.lat * 1e7, reading.lng * 1e7)
      expect(movedM).toBeLessThan(60)
      expect(reading.speedMps).toBeLessThan(20)
      expect(reading.accuracyM).toBeGreaterThanOrEqual(3)
      expect(reading.accuracyM).toBeLessThanOrEqual(30)
      expect(reading.battery).toBeGreaterThan(0)
      if (reading.speedMps > 1) moving++
    }
    expect(moving).toBeGreaterThan(1_200)
    expect(moving).toBeLessThan(3_500)
    expect(motion.stopsServed).toBeGreaterThanOrEqual(3)
  })
})

describe("a driver of an earlier run", () => {
  it.each(seeds)("of seed %i goes on from where it was left, the way it was going", (seed) => {
    const network = buildStreetNetwork({ seed })
    const planner = new RoutePlanner(network)
    const random = new SeededRandom(seed)
    for (const drivenS of [20, 60, 130, 300, 700]) {
      const before = new DriverMotion(network, planner, random.fork(drivenS))
      before.advance(drivenS)
      const after = new DriverMotion(network, planner, random.fork(drivenS + 1))
      // As far beside the street as a receiver's error is.
      const found = nearestStreet(network, before.x + 3, before.y - 3, before.headingDeg)
      expect(found.besideM).toBeLessThan(5)
      after.beginIn(found)
      expect(Math.hypot(after.x - before.x, after.y - before.y), `after ${drivenS} s`).toBeLessThan(5)
      const near = nearestCrossing(network, before.x, before.y)
      const fromCrossingM = Math.hypot((network.x[near] ?? 0) - before.x, (network.y[near] ?? 0) - before.y)
      // At a crossing several streets are as near.
      if (fromCrossingM > 10) expect(after.headingDeg).toBeCloseTo(before.headingDeg, 6)
      for (let i = 0; i < 900; i++) {
        const [x, y] = [after.x, after.y]
        after.advance(1)
        expect(Math.hypot(after.x - x, after.y - y)).toBeLessThan(20)
      }
      const goal = random.below(network.x.length)
      after.headFor(goal)
      after.advance(3_600)
      expect(after.isAtGoal).toBe(true)
    }
  })
})

describe("a driver on an errand", () => {
  it("drives along streets to where it is sent, waits there, and goes on when told", () => {
    for (const seed of seeds) {
      const network = buildStreetNetwork({ seed })
      const random = new SeededRandom(seed)
      const motion = new DriverMotion(network, new RoutePlanner(network), random.fork(0))
      // Sent from wherever it happens to be: at a door, in a street, at a red light.
      for (const afterS of [0, 3, 40, 95, 200]) {
        motion.roam()
        motion.advance(afterS)
        const goal = random.below(network.x.length)
        motion.headFor(goal)
        let drivenS = 0
        for (; !motion.isAtGoal && drivenS < 3_600; drivenS++) {
          const [x, y] = [motion.x, motion.y]
          motion.advance(1)
          expect(Math.hypot(motion.x - x, motion.y - y), `seed ${seed}`).toBeLessThan(20)
        }
        expect(motion.isAtGoal, `seed ${seed}, ${drivenS} s`).toBe(true)
        motion.advance(600)
        expect([motion.x, motion.y]).toEqual([network.x[goal], network.y[goal]])
        expect(nearestCrossing(network, motion.x, motion.y)).toBe(goal)
        const { lat, lng } = placeDegrees(network, motion.x, motion.y)
        const back = placeMetres(network, lat, lng)
        expect(Math.hypot(back.x - motion.x, back.y - motion.y)).toBeLessThan(0.01)
      }
    }
  })
})

it("a model of a city has its streets, and is as much smaller on the ground", () => {
  const [city, model] = [1, 0.05].map((scale) => buildStreetNetwork({ seed: 7, scale }))
  if (city === undefined || model === undefined) throw new Error("two networks were built")
  expect(model.lengthM).toEqual(city.lengthM)
  const [full, small] = [city, model].map((network) => placeDegrees(network, 1_000, -400))
  expect((small?.lat ?? 0) - model.lat).toBeCloseTo(0.05 * ((full?.lat ?? 0) - city.lat), 9)
  expect((small?.lng ?? 0) - model.lng).toBeCloseTo(0.05 * ((full?.lng ?? 0) - city.lng), 9)
  const back = placeMetres(model, small?.lat ?? 0, small?.lng ?? 0)
  expect(Math.hypot(back.x - 1_000, back.y + 400)).toBeLessThan(0.01)
})
