import { type Refused, refused } from "./Refused.ts"
import { type GivenProof, isFileProof, type ProofType, proofTypes, type TaskPayload } from "./TaskPayload.ts"

/** What a delivery's proofs are judged by. */
export interface ProofFacts {
  /** Of the drop-off; what is no type of a proof is not judged here. */
  readonly requirements: ReadonlyArray<string>
  readonly given: ReadonlyArray<GivenProof>
  /** What the customer was told. */
  readonly pin: string
  /** Wrong PINs so far, and how many there may be. */
  readonly wrongPins: number
  readonly wrongPinsMax: number
  /** What is printed on the parcel; undefined when nobody said. */
  readonly barcode: string | undefined
  /** Files that a proof names by id alone and that are no upload of this driver. */
  readonly unknownFiles: ReadonlySet<string>
}

/** Every proof that a payload gives. */
export const givenProofs = ({ proof, proofs }: TaskPayload): ReadonlyArray<GivenProof> => [
  ...(proof === undefined ? [] : [proof]),
  ...(proofs ?? [])
]

/** The types of proof among a stop's requirements. */
export const requiredProofs = (requirements: ReadonlyArray<string>): ReadonlyArray<ProofType> =>
  proofTypes.filter((type) => requirements.includes(type))

const withoutSecret = (proof: GivenProof): GivenProof => (proof.type === "pin" ? { type: "pin" } : proof)

/** A payload as it may be kept: that there was a PIN, not which. */
export const keptPayload = (payload: TaskPayload): TaskPayload => ({
  ...payload,
  ...(payload.proof === undefined ? {} : { proof: withoutSecret(payload.proof) }),
  ...(payload.proofs === undefined ? {} : { proofs: payload.proofs.map(withoutSecret) })
})

/**
 * Whether a delivery may be taken with these proofs; undefined when it may, else why not. What is missing is told before what is
 * wrong, so that a PIN is only tried by a delivery that has everything else. `allowed` names the types that are missing or at fault.
 */
export const judgeProofs = (facts: ProofFacts): Refused | undefined => {
  const { given, barcode } = facts
  const required = requiredProofs(facts.requirements)
  const missing = required.filter((type) => !given.some((proof) => proof.type === type))
  if (missing.length > 0) return refused("proof_required", `the delivery needs: ${missing.join(", ")}`, missing)
  if (given.some((proof) => proof.file_id !== undefined && facts.unknownFiles.has(proof.file_id)))
    return refused("proof_invalid", "file_id names no upload of this driver", ["photo", "signature"])
  if (barcode !== undefined && given.some((proof) => proof.type === "barcode" && proof.value !== barcode))
    return refused("proof_invalid", "the barcode is another parcel's", ["barcode"])
  const pins = given.filter((proof) => proof.type === "pin")
  if (pins.length === 0 || !required.includes("pin")) return undefined
  if (facts.wrongPins >= facts.wrongPinsMax)
    return refused("proof_locked", "too many wrong PINs; a dispatcher can waive it", ["pin"])
  return pins.some((proof) => proof.value !== facts.pin)
    ? refused("proof_invalid", `the PIN is wrong; ${facts.wrongPinsMax - facts.wrongPins - 1} more tries`, ["pin"])
    : undefined
}

/** Whether a refusal is one for a wrong PIN, which counts. */
export const isWrongPin = ({ code, allowed }: Pick<Refused, "code" | "allowed">): boolean =>
  code === "proof_invalid" && allowed.includes("pin")

/** Whether a proof waits for a file. */
export const awaitsFile = (proof: GivenProof): boolean => isFileProof(proof.type)
