import { expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { makeGathered } from "../../src/persistence/Gathered.ts"

/** A statement that notes what it was asked and answers when it is let. */
const slowStatement = Effect.gen(function* () {
  const asked: Array<ReadonlyArray<number>> = []
  const gates: Array<Deferred.Deferred<void, string>> = []
  const ask = yield* makeGathered({ atOnceMax: 3, ms: 1_000 }, (items: ReadonlyArray<number>) =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void, string>()
      asked.push(items)
      gates.push(gate)
      yield* Deferred.await(gate)
      return (item: number) => item * 10
    })
  )
  const fork = (item: number) => Effect.forkChild(ask(item), { startImmediately: true })
  const gate = Effect.fnUntraced(function* (index: number) {
    while (gates[index] === undefined) yield* Effect.yieldNow
    return gates[index]
  })
  return { asked, ask, fork, gate }
})

it.effect("who comes alone is asked at once; who comes meanwhile goes together, each with an answer of their own", () =>
  Effect.gen(function* () {
    const { asked, fork, gate } = yield* slowStatement
    const first = yield* fork(1)
    yield* gate(0)
    const others = yield* Effect.forEach([2, 3, 4, 5], fork)
    expect(asked).toEqual([[1]])
    yield* Deferred.succeed(yield* gate(0), undefined)
    expect(yield* Fiber.join(first)).toBe(10)
    yield* Deferred.succeed(yield* gate(1), undefined)
    yield* Deferred.succeed(yield* gate(2), undefined)
    expect(yield* Effect.forEach(others, Fiber.join)).toEqual([20, 30, 40, 50])
    expect(asked).toEqual([[1], [2, 3, 4], [5]])
  })
)

it.effect("a failure is told to everybody of its statement, and the next goes on", () =>
  Effect.gen(function* () {
    const { asked, fork, gate } = yield* slowStatement
    const first = yield* fork(1)
    yield* gate(0)
    const second = yield* fork(2)
    yield* Deferred.fail(yield* gate(0), "away")
    expect(yield* Fiber.await(first)).toEqual(Exit.fail("away"))
    yield* Deferred.succeed(yield* gate(1), undefined)
    expect(yield* Fiber.join(second)).toBe(20)
    const third = yield* fork(3)
    yield* Deferred.die(yield* gate(2), "a defect")
    expect(yield* Fiber.await(third)).toEqual(Exit.die("a defect"))
    const last = yield* fork(4)
    yield* Deferred.succeed(yield* gate(3), undefined)
    expect(yield* Fiber.join(last)).toBe(40)
    expect(asked).toEqual([[1], [2], [3], [4]])
  })
)

it.effect("a statement that is never answered fails after its time, and holds up nobody who comes later", () =>
  Effect.gen(function* () {
    const { fork, gate } = yield* slowStatement
    const first = yield* fork(1)
    yield* gate(0)
    const second = yield* fork(2)
    yield* TestClock.adjust("1 second")
    const exit = yield* Fiber.await(first)
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ _tag: "TimeoutError" })
    yield* Deferred.succeed(yield* gate(1), undefined)
    expect(yield* Fiber.join(second)).toBe(20)
  })
)

it.effect("one who leaves takes nothing from the others", () =>
  Effect.gen(function* () {
    const { fork, gate } = yield* slowStatement
    const first = yield* fork(1)
    yield* gate(0)
    const second = yield* fork(2)
    const third = yield* fork(3)
    yield* Fiber.interrupt(first)
    yield* Fiber.interrupt(second)
    yield* Deferred.succeed(yield* gate(0), undefined)
    yield* Deferred.succeed(yield* gate(1), undefined)
    expect(yield* Fiber.join(third)).toBe(30)
  })
)

it.live("nobody waits for ever when the scope ends under a statement", () =>
  Effect.gen(function* () {
    const left = yield* Effect.scoped(
      Effect.gen(function* () {
        const { ask, gate } = yield* slowStatement
        const waiting = yield* Effect.forkDetach(Effect.forEach([1, 2], ask, { concurrency: "unbounded" }), {
          startImmediately: true
        })
        yield* gate(0)
        return waiting
      })
    )
    expect(Exit.hasInterrupts(yield* Fiber.await(left))).toBe(true)
  })
)
