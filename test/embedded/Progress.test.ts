import { it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import { Progress, withProgress } from "../../src/embedded/Progress.ts"

const run = (lasts: number) => {
  const told: Array<readonly [string, boolean]> = []
  const work = Effect.sleep(lasts).pipe(
    withProgress("fetching"),
    Effect.provideService(Progress, (label, _elapsedMs, ended) => told.push([label, ended]))
  )
  return { told, work }
}

it.effect("says nothing of short work", () =>
  Effect.gen(function* () {
    const { told, work } = run(900)
    const fiber = yield* Effect.forkChild(work)
    yield* TestClock.adjust("10 seconds")
    yield* Fiber.join(fiber)
    expect(told).toEqual([])
  })
)

it.effect("says that long work goes on, again and again, and when it has ended", () =>
  Effect.gen(function* () {
    const { told, work } = run(7_000)
    const fiber = yield* Effect.forkChild(work)
    yield* TestClock.adjust("10 seconds")
    yield* Fiber.join(fiber)
    expect(told).toEqual([
      ["fetching", false],
      ["fetching", false],
      ["fetching", true]
    ])
  })
)
