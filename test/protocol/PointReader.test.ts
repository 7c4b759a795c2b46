import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decodeFrame, encodeFrame, type Frame, MalformedFrame } from "../../src/protocol/FrameCodec.ts"
import { PointBlock } from "../../src/protocol/PointBlock.ts"
import { batchFrame, batchLength, pointFrame, readPointFrame } from "../../src/protocol/PointFrames.ts"
import { PointReader } from "../../src/protocol/PointReader.ts"
import { encodeLoosely, runSeed, seeded } from "../kit/LooseEncoding.ts"
import { anyPointFrame, soundFields, soundPoints } from "../kit/RandomFrames.ts"

const seed = runSeed()
const numRuns = 2_000

/** Everything a block says, so that two can be compared. */
const contents = (block: PointBlock) => ({
  count: block.count,
  firstSeq: block.firstSeq,
  battery: block.battery,
  source: block.source,
  faulty: block.faulty,
  columns: [block.recordedAt, block.latE7, block.lngE7, block.speedCms, block.headingCdeg, block.accuracyCm].map(
    (column) => Array.from(column.subarray(0, block.count))
  )
})

const fast = new PointBlock(500)
const reader = new PointReader(fast)
const slow = new PointBlock(500)

/** The long way: undefined when the frame is malformed or no POINT or BATCH. */
const readSlowly = (bytes: Uint8Array): boolean => {
  const frame = decodeFrame(bytes, 4)
  if (frame instanceof MalformedFrame || (frame[0] !== 2 && frame[0] !== 3)) return false
  return readPointFrame(frame, slow) === undefined
}

/** Where the fast reader answers, the long way answers the same, and finds no fault. */
const agree = (bytes: Uint8Array): boolean => {
  if (!reader.read(bytes)) return false
  expect(readSlowly(bytes)).toBe(true)
  expect(contents(fast)).toEqual(contents(slow))
  return true
}

describe(`the fast reader and the codec (PROMISE_SEED=${seed})`, () => {
  it("agree on sound batches in any encoding, and the fast one reads every one that a common encoder writes", () => {
    fc.assert(
      fc.property(
        soundPoints(40),
        soundFields.battery,
        soundFields.source,
        fc.integer(),
        (points, battery, source, choice) => {
          const random = seeded(choice)
          const bytes = encodeLoosely(batchFrame(points, battery, source), random)
          agree(bytes)
          expect(agree(encodeFrame(batchFrame(points, battery, source)))).toBe(true)
          expect(readSlowly(bytes)).toBe(true)
          expect(contents(slow)).toMatchObject({
            count: points.length,
            firstSeq: points[0]?.seq,
            faulty: false,
            source
          })
          points.forEach((point, i) => {
            expect([slow.recordedAt[i], slow.latE7[i], slow.lngE7[i]]).toEqual([
              point.recordedAt,
              point.latE7,
              point.lngE7
            ])
            expect([slow.speedCms[i], slow.headingCdeg[i], slow.accuracyCm[i]]).toEqual([
              point.speedCms ?? Number.NaN,
              point.headingCdeg ?? Number.NaN,
              point.accuracyCm ?? Number.NaN
            ])
          })
        }
      ),
      { seed, numRuns: 500 }
    )
  })

  it("agree on sound points in any encoding", () => {
    fc.assert(
      fc.property(
        soundPoints(1),
        soundFields.battery,
        soundFields.source,
        fc.integer(),
        ([point], battery, source, choice) => {
          if (point === undefined) return
          agree(encodeLoosely(pointFrame(point, battery, source), seeded(choice)))
          expect(agree(encodeFrame(pointFrame(point, battery, source)))).toBe(true)
        }
      ),
      { seed, numRuns }
    )
  })

  it("agree on frames that may break every rule", () => {
    fc.assert(
      fc.property(anyPointFrame, fc.integer(), (frame, choice) => void agree(encodeLoosely(frame, seeded(choice)))),
      { seed, numRuns }
    )
  })

  it("agree on sound frames with bytes changed, left out or added", () => {
    const mutation = fc.array(
      fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }), fc.constantFrom("set", "cut", "add")),
      {
        minLength: 1,
        maxLength: 4
      }
    )
    fc.assert(
      fc.property(
        soundPoints(4),
        soundFields.battery,
        soundFields.source,
        fc.integer(),
        mutation,
        (points, battery, source, choice, changes) => {
          const bytes = [...encodeLoosely(batchFrame(points, battery, source), seeded(choice))]
          for (const [at, byte, how] of changes) {
            const index = at % bytes.length
            if (how === "set") bytes[index] = byte
            else if (how === "cut") bytes.splice(index, 1)
            else bytes.splice(index, 0, byte)
          }
          agree(Uint8Array.from(bytes))
        }
      ),
      { seed, numRuns }
    )
  })

  it("agree on any bytes, and neither ever throws", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64 }),
        fc.constantFrom(0x92, 0x95, 0x96, 0x9b),
        fc.constantFrom(2, 3),
        (tail, head, type) => {
          agree(tail)
          agree(Uint8Array.from([head, type, ...tail]))
          readSlowly(tail)
        }
      ),
      { seed, numRuns }
    )
  })
})

describe("reading a batch", () => {
  const read = (frame: Frame): PointBlock => {
    const block = new PointBlock(500)
    expect(readPointFrame(frame, block)).toBeUndefined()
    return block
  }
  const faults = (frame: Frame) => Array.from(read(frame).fault.subarray(0, read(frame).count))

  it("takes entries as absolute until the first good one", () => {
    const block = read([3, 1, 1_000, [0, 1, 1], [null, 50, 5], ["x", 1.5, 70]])
    expect(Array.from(block.fault.subarray(0, 3))).toEqual([2, 2, 0])
    expect([block.latE7[2], block.lngE7[2], block.recordedAt[2]]).toEqual([55, 70, 1_002])
  })

  it("leaves the base where it was when a sum leaves the range", () => {
    const block = read([3, 1, 0, [0, 1, 1], [899_999_999, 5, 1], [0, 0, 0]])
    expect(Array.from(block.fault.subarray(0, 3))).toEqual([0, 3, 0])
    expect(block.latE7[2]).toBe(900_000_000)
  })

  it("says out of range for a negative dt and for entries beyond 2^53", () => {
    expect(faults([3, 1, 0, [0, -1], [0, 0], [0, 0]])).toEqual([0, 3])
    expect(faults([3, 1, 0, [0, 0], [0, 2 ** 53], [0, 0]])).toEqual([0, 3])
  })

  it("counts an unknown source as gps", () => {
    expect(read([3, 1, 0, [0], [0], [0]]).source).toBe(0)
    expect(read([2, 1, 0, 0, 0]).source).toBe(0)
  })

  const malformed: ReadonlyArray<readonly [string, Frame]> = [
    ["no firstSeq", [3]],
    ["firstSeq 0", [3, 0, 0, [0], [0], [0]]],
    ["firstSeq that is no integer", [3, 1.5, 0, [0], [0], [0]]],
    ["a last number beyond 2^53 - 1", [3, 2 ** 53 - 1, 0, [0, 0], [0, 0], [0, 0]]],
    ["no points", [3, 1, 0, [], [], []]],
    ["501 points", [3, 1, 0, Array(501).fill(0), Array(501).fill(0), Array(501).fill(0)]],
    ["columns of unequal length", [3, 1, 0, [0], [0, 0], [0]]],
    ["a column that is a number", [3, 1, 0, [0], [0], [0], 5]],
    ["a short optional column", [3, 1, 0, [0, 0], [0, 0], [0, 0], [1]]]
  ]
  it.each(malformed)("is malformed with %s", (_, frame) => {
    expect(readPointFrame(frame, new PointBlock(500))).toMatchObject({ detail: expect.any(String) })
  })

  it("ends a batch before the clock steps back, at a hole and at the most points", () => {
    const point = (seq: number, recordedAt: number) => ({
      seq,
      recordedAt,
      latE7: 0,
      lngE7: 0,
      speedCms: null,
      headingCdeg: null,
      accuracyCm: null
    })
    const points = [point(1, 10), point(2, 10), point(3, 9), point(4, 11), point(6, 12)]
    expect([0, 2, 3, 4, 5].map((from) => batchLength(points, from, 500))).toEqual([2, 2, 1, 1, 0])
    expect(batchLength(points, 0, 1)).toBe(1)
  })
})
