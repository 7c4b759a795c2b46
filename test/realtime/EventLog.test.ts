import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { EventLog } from "../../src/realtime/EventLog.ts"

describe("a channel's log", () => {
  it("gives all that was missed or nothing, never a part", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.nat(60),
        fc.integer({ min: -5, max: 70 }),
        (kept, written, from) => {
          const log = new EventLog(kept)
          for (let i = 1; i <= written; i++) log.append((offset) => [35, offset])
          const missed = log.after(from)
          const isPossible = from >= 0 && from <= written && written - from <= kept
          if (!isPossible) {
            expect(missed).toBeUndefined()
            return
          }
          expect(missed?.map((event) => event.offset)).toEqual(
            Array.from({ length: written - from }, (_, i) => from + i + 1)
          )
        }
      ),
      { verbose: 1 }
    )
  })
})
