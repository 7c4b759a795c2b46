import { describe, expect, it } from "vitest"
import { judgeProofs, keptPayload, type ProofFacts } from "../../src/domain/Proof.ts"
import { readTaskPayload } from "../../src/domain/TaskPayload.ts"

const facts: ProofFacts = {
  requirements: [],
  given: [],
  pin: "123456",
  wrongPins: 0,
  wrongPinsMax: 5,
  barcode: undefined,
  unknownFiles: new Set()
}
const judged = (more: Partial<ProofFacts>) => {
  const refused = judgeProofs({ ...facts, ...more })
  return refused === undefined ? "taken" : [refused.code, ...refused.allowed]
}
const sha256 = "ab".repeat(32)
const photo = { type: "photo", sha256 } as const
const pin = (value: string) => ({ type: "pin", value }) as const

describe("proofs of a delivery", () => {
  it("are taken when nothing is required, and when all that is required is there", () => {
    expect(judged({})).toBe("taken")
    expect(judged({ requirements: ["photo", "pin"], given: [photo, pin("123456")] })).toBe("taken")
    expect(judged({ requirements: ["leave_at_door"], given: [] })).toBe("taken")
  })

  it("name what is missing, before a PIN is tried", () => {
    expect(judged({ requirements: ["signature", "pin", "photo"], given: [pin("0")] })).toEqual([
      "proof_required",
      "photo",
      "signature"
    ])
  })

  it("are refused with a wrong PIN, and altogether after five", () => {
    const given = [pin("000000")]
    expect(judged({ requirements: ["pin"], given })).toEqual(["proof_invalid", "pin"])
    expect(judged({ requirements: ["pin"], given, wrongPins: 5 })).toEqual(["proof_locked", "pin"])
    expect(judged({ requirements: ["pin"], given: [pin("123456")], wrongPins: 5 })).toEqual(["proof_locked", "pin"])
    expect(judged({ requirements: [], given })).toBe("taken")
  })

  it("are refused with another parcel's barcode, when the parcel's is known", () => {
    const given = [{ type: "barcode", value: "B" }] as const
    expect(judged({ given, barcode: "A" })).toEqual(["proof_invalid", "barcode"])
    expect(judged({ given, barcode: "B" })).toBe("taken")
    expect(judged({ given })).toBe("taken")
  })

  it("keep that there was a PIN, not which", () => {
    expect(keptPayload({ proof: pin("123456"), proofs: [pin("123456"), photo] })).toEqual({
      proof: { type: "pin" },
      proofs: [{ type: "pin" }, photo]
    })
  })
})

describe("a TASK's payload", () => {
  it("gives one proof, several, or both", () => {
    expect(readTaskPayload("delivered", { proof: photo })).toEqual({ proof: photo })
    expect(readTaskPayload("delivered", { proofs: [photo, pin("1")] })).toEqual({ proofs: [photo, pin("1")] })
  })

  it("is refused with what is wrong", () => {
    const bad: ReadonlyArray<readonly [unknown, string]> = [
      [{ proofs: {} }, "proofs must be at most 10 maps"],
      [{ proofs: Array.from({ length: 11 }, () => photo) }, "proofs must be at most 10 maps"],
      [{ proofs: [{ type: "photo" }] }, "proofs[0] needs sha256 or file_id"],
      [{ proof: { type: "photo", file_id: "fil_x" } }, "proof.file_id must be the id of a file"],
      [{ proof: { type: "photo", sha256: "x" } }, "proof.sha256 must be 64 hexadecimal digits"],
      [{ proof: { type: "pin" } }, "proof needs a value"]
    ]
    for (const [payload, says] of bad) expect(readTaskPayload("delivered", payload)).toBe(says)
  })
})
