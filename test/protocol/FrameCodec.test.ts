import { decode } from "@msgpack/msgpack"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ackFrame } from "../../src/protocol/AckFrame.ts"
import { CloseCode, closeReason, comesBack } from "../../src/protocol/CloseCode.ts"
import {
  decodeFrame,
  decodeJsonFrame,
  encodeFrame,
  encodeJsonFrame,
  MalformedFrame
} from "../../src/protocol/FrameCodec.ts"
import { scanFrame } from "../../src/protocol/FrameScan.ts"
import { encodeLoosely, runSeed, seeded } from "../kit/LooseEncoding.ts"

const seed = runSeed()
const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const detailOf = (frame: unknown): string | undefined => (frame instanceof MalformedFrame ? frame.detail : undefined)

describe(`the codec (PROMISE_SEED=${seed})`, () => {
  it("gives back what it encoded, in any encoding and as JSON", () => {
    const plain = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.constant(null))
    const values = fc.array(
      fc.oneof(plain, fc.array(plain, { maxLength: 20 }), fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), plain))
    )
    fc.assert(
      fc.property(fc.nat(99), values, fc.boolean(), fc.integer(), (type, rest, last, choice) => {
        const frame = [type, ...rest, last]
        expect(decodeFrame(encodeFrame(frame), 4)).toEqual(frame)
        expect(decodeFrame(encodeLoosely(frame, seeded(choice)), 4)).toEqual(frame)
        expect(decodeJsonFrame(text(encodeJsonFrame(frame)), 4)).toEqual(frame)
      }),
      { seed, numRuns: 500 }
    )
  })

  it("never throws, whatever the bytes are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodeFrame(bytes, 4)
        decodeJsonFrame(bytes, 4)
      }),
      { seed, numRuns: 3_000 }
    )
  })

  it("leaves trailing nil fields out and never the type", () => {
    expect(encodeFrame([8, null, undefined])).toEqual(Uint8Array.of(0x91, 0x08))
    expect(encodeJsonFrame([1, null, 2, null])).toBe("[1,null,2]")
  })

  it("allows four containers in each other and not five", () => {
    expect(decodeFrame(encodeFrame([1, [[[1]]]]), 4)).toEqual([1, [[[1]]]])
    expect(detailOf(decodeFrame(encodeFrame([1, [[[[1]]]]]), 4))).toBe("nested deeper than 4")
    expect(detailOf(decodeJsonFrame(text('[1,{"a":{"b":{"c":{}}}}]'), 4))).toBe("nested deeper than 4")
  })

  it("bears 16 KiB of nothing but opened containers", () => {
    for (const byte of [0x91, 0x81, 0xdc, 0xdd, 0xdf, 0xc9]) {
      expect(decodeFrame(new Uint8Array(16_384).fill(byte), 4)).toBeInstanceOf(MalformedFrame)
    }
    for (const open of ["[", '{"a":']) {
      expect(decodeJsonFrame(text(open.repeat(16_384 / open.length)), 4)).toBeInstanceOf(MalformedFrame)
    }
    expect(decodeJsonFrame(text("[".repeat(8_192) + "]".repeat(8_192)), 4)).toBeInstanceOf(MalformedFrame)
  })

  it("finds unsound exactly what the library cannot decode, apart from what it refuses for other reasons", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
        const reason = scanFrame(bytes, 1_000)
        let refusal = ""
        try {
          decode(bytes)
        } catch (error) {
          refusal = String(error)
        }
        if (refusal === "") expect(reason).toBeUndefined()
        else if (/RangeError|Extra|Unrecognized/.test(refusal)) expect(reason).toBeDefined()
      }),
      { seed, numRuns: 5_000 }
    )
  })

  it("takes no key that would change an object's prototype", () => {
    const frame = encodeLoosely([8, JSON.parse('{"__proto__": {"polluted": true}}')], seeded(1))
    expect(decodeFrame(frame, 4)).toBeInstanceOf(MalformedFrame)
    decodeJsonFrame(text('[8, {"__proto__": {"polluted": true}}]'), 4)
    expect("polluted" in {}).toBe(false)
  })

  it("refuses text that is not UTF-8 and JSON that is not one frame", () => {
    expect(decodeJsonFrame(Uint8Array.of(0x5b, 0xff, 0x5d), 4)).toBeInstanceOf(MalformedFrame)
    for (const json of ["", "{}", "[", "[]", '["8"]', "[null]", "[8] [8]"]) {
      expect(decodeJsonFrame(text(json), 4)).toBeInstanceOf(MalformedFrame)
    }
  })
})

it("encodes ACK by hand as the library reads it, at every width", () => {
  for (const seq of [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 45 + 1, 2 ** 53 - 1]) {
    expect(decode(ackFrame(seq))).toEqual([33, seq])
  }
})

it("names a reason for every close code, and the number alone says whether to come back", () => {
  for (const code of Object.values(CloseCode)) {
    expect(closeReason[code]).toMatch(/^[a-z_]+$/)
    expect(comesBack(code)).toBe(code < 4_500)
  }
  expect(comesBack(1006)).toBe(true)
})
