import { expect, it } from "vitest"
import { promiseSeed, promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { SimulatedWorld, type WorldReport } from "./SimulatedWorld.ts"

const first = promiseSeed()
const seeds = promiseSize({ ci: 1_000, nightly: 100_000 })

/** One world, lived to its end. Its failure names the seed, which with PROMISE_SEED alone repeats it as the first. */
const live = async (seed: number): Promise<WorldReport> => {
  const world = new SimulatedWorld(seed)
  try {
    return await world.run()
  } catch (cause) {
    throw new Error(`PROMISE_SEED=${seed}, at step ${world.time.steps}: ${cause}`, { cause })
  }
}

it(`whatever fails between phone and database, each point is stored once and acknowledged after (PROMISE_SEED=${first}, ${seeds} seeds)`, {
  timeout: 60_000 + seeds * 1_000
}, async () => {
  const beganAt = performance.now()
  const sum = { steps: 0, virtualMs: 0, points: 0, commits: 0, faults: 0 }
  for (let i = 0; i < seeds; i++) {
    const report = await live((first + i) % 2 ** 32)
    for (const key of Object.keys(sum) as Array<keyof WorldReport>) sum[key] += report[key]
  }
  reportPromise("simulation", { seed: first, seeds, tookMs: Math.round(performance.now() - beganAt), ...sum })
  expect(sum.points).toBeGreaterThan(seeds)
})

it(`a seed repeats a run step for step (PROMISE_SEED=${first})`, async () => {
  expect(await live(first)).toEqual(await live(first))
})
