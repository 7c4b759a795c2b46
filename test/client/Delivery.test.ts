import fc from "fast-check"
import { expect, it } from "vitest"
import { CloseCode } from "../../src/protocol/CloseCode.ts"
import { clientUnderTest } from "./ClientUnderTest.ts"

type Test = ReturnType<typeof clientUnderTest>

/** What may happen, each as a name (for the counterexample) and an act. */
const happening: fc.Arbitrary<readonly [string, (test: Test) => void | Promise<void>]> = fc.oneof(
  fc.integer({ min: 1, max: 40 }).map((n) => [`report ${n}`, (t: Test) => t.report(n)] as const),
  fc.integer({ min: 1, max: 30 }).map((n) => [`commit ${n}`, (t: Test) => t.server.commit(n)] as const),
  fc
    .integer({ min: 0, max: 40 })
    .map(
      (w) =>
        [
          `credit ${w}`,
          (t: Test) => (t.server.links.length > 0 && t.server.link.isWelcomed ? t.server.credit(w) : undefined)
        ] as const
    ),
  fc
    .integer({ min: 0, max: 500 })
    .map(
      (ms) =>
        [
          `refuse, retry after ${ms}`,
          (t: Test) => (t.server.links.length > 0 ? t.server.loseBuffer(ms) : undefined)
        ] as const
    ),
  fc.constant(["drop", (t: Test) => (t.server.links.length > 0 ? t.server.drop() : undefined)] as const),
  fc
    .constantFrom(CloseCode.draining, CloseCode.rateExceeded, CloseCode.databaseUnavailable, CloseCode.tokenExpired)
    .map(
      (code) =>
        [`goodbye ${code}`, (t: Test) => (t.server.links.length > 0 ? t.server.goodbye(code, 300) : undefined)] as const
    ),
  fc.constant([
    "refuse again",
    (t: Test) => (t.server.links.length > 0 ? t.server.repeatRefusal() : undefined)
  ] as const),
  fc.constant(["offline", (t: Test) => t.client.offline()] as const),
  fc.constant(["online", (t: Test) => t.client.online()] as const),
  fc.integer({ min: 1, max: 3_000 }).map((ms) => [`wait ${ms}`, (t: Test) => t.clock.advance(ms)] as const)
)

it("delivers every point exactly once and in order, within its credit, whatever happens on the way", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(happening, { maxLength: 40 }),
      fc.integer({ min: 1, max: 6 }),
      fc.constantFrom(0, 4_000),
      async (happenings, batch, holdMsMax) => {
        const test = clientUnderTest({ holdMsMax })
        test.server.window = 20
        test.server.cadence = { moving_ms: 1_000, idle_ms: 5_000, batch }
        await test.start()
        for (const [, act] of happenings) {
          await act(test)
          await test.clock.advance(3)
        }
        await heal(test)
        expect(test.server.breaches).toEqual([])
        expect(test.server.points).toEqual(test.reported)
        expect(test.client.counters.acked).toBe(test.reported.length)
        expect(test.server.committed.size).toBe(1)
      }
    ),
    { numRuns: 1_000 }
  )
})

/** From now on everything works: within bounded time all must be acknowledged. */
const heal = async (test: Test): Promise<void> => {
  test.client.online()
  await test.clock.advance(25_000)
  test.server.credit(20)
  for (let i = 0; i < 400 && test.client.pending > 0; i++) {
    await test.clock.advance(500)
    test.server.commit()
    await test.clock.advance(20)
  }
  expect(test.client.pending).toBe(0)
}
