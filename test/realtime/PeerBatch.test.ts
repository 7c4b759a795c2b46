import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  decodePeerBatch,
  encodePeerBatch,
  NotABatch,
  type PeerBatch,
  type PeerRow
} from "../../src/realtime/PeerBatch.ts"

const wholeUpTo = (max: number) => fc.oneof(fc.constant(Number.NaN), fc.integer({ min: 0, max }))

const place = fc.record({
  recordedAt: fc.integer({ min: 0, max: 2 ** 52 }),
  latE7: fc.integer({ min: -900_000_000, max: 900_000_000 }),
  lngE7: fc.integer({ min: -1_800_000_000, max: 1_800_000_000 }),
  speedCms: wholeUpTo(7_000),
  headingCdeg: wholeUpTo(35_999)
})

const row: fc.Arbitrary<PeerRow> = fc.record({
  driverId: fc.uuid(),
  isConnected: fc.boolean(),
  duty: fc.constantFrom(undefined, "on", "off", "break"),
  heardAt: fc.oneof(fc.integer({ min: 0, max: 2 ** 52 }), fc.constant(Number.NEGATIVE_INFINITY)),
  place: fc.option(place, { nil: undefined })
})

const batch: fc.Arbitrary<PeerBatch> = fc.record({
  nodeId: fc.uuid(),
  hasDrivers: fc.boolean(),
  isNew: fc.boolean(),
  isLeaving: fc.boolean(),
  rows: fc.array(row, { maxLength: 40 })
})

describe("a batch between nodes", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(batch, (sent) => {
        expect(decodePeerBatch(encodePeerBatch(sent))).toEqual(sent)
      }),
      { numRuns: 500, verbose: 1 }
    )
  })

  it("is read from the middle of a buffer, as Redis hands it over", () => {
    fc.assert(
      fc.property(batch, fc.nat(64), (sent, at) => {
        const bytes = encodePeerBatch(sent)
        const buffer = new Uint8Array(at + bytes.length + 3)
        buffer.set(bytes, at)
        expect(decodePeerBatch(buffer.subarray(at, at + bytes.length))).toEqual(sent)
      }),
      { numRuns: 100, verbose: 1 }
    )
  })

  it("of which a part is missing, or to which something was added, is none", () => {
    fc.assert(
      fc.property(batch, fc.integer({ min: 1, max: 60 }), (sent, bytes) => {
        const whole = encodePeerBatch(sent)
        const longer = new Uint8Array(whole.length + bytes)
        longer.set(whole)
        expect(decodePeerBatch(longer)).toBeInstanceOf(NotABatch)
        expect(decodePeerBatch(whole.subarray(0, Math.max(0, whole.length - bytes)))).toBeInstanceOf(NotABatch)
      }),
      { numRuns: 200, verbose: 1 }
    )
  })

  it("is never made of noise by an exception", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const read = decodePeerBatch(noise)
        if (!(read instanceof NotABatch)) expect(encodePeerBatch(read).length).toBe(noise.length)
      }),
      { numRuns: 2_000, verbose: 1 }
    )
  })

  it("of another version is none", () => {
    const bytes = encodePeerBatch({
      nodeId: "00000000-0000-7000-8000-000000000001",
      hasDrivers: true,
      isNew: false,
      isLeaving: false,
      rows: []
    })
    bytes[0] = 2
    expect(decodePeerBatch(bytes)).toEqual(new NotABatch("version 2"))
  })
})
