import { bareId } from "./Ids.ts"
import type { TaskAction } from "./TaskAction.ts"

/** How a delivery may be proved. */
export const proofTypes = ["photo", "signature", "pin", "barcode", "note"] as const

/**
 * Why a delivery failed at the door. A closed list, since a customer is told the code: recipient_absent nobody opened; address_wrong the
 * place is not where it should be; access_denied a gate, a porter or a dog; refused_by_recipient they did not want it; damaged;
 * recipient_unverified the PIN or document was wrong; other, with a note for the dispatcher.
 */
export const failureReasons = [
  "recipient_absent",
  "address_wrong",
  "access_denied",
  "refused_by_recipient",
  "recipient_unverified",
  "damaged",
  "other"
] as const

/** One of the ways. */
export type ProofType = (typeof proofTypes)[number]

/** One proof of a delivery as a phone gives it. */
export interface GivenProof {
  readonly type: ProofType
  /** Bare UUID of an upload of the same driver. */
  readonly file_id?: string
  readonly value?: string
  /** Of the file, hexadecimal, taken when it was captured. */
  readonly sha256?: string
}

/** What is kept of a TASK's payload, as it goes into the event's data. */
export interface TaskPayload {
  readonly proof?: GivenProof
  readonly proofs?: ReadonlyArray<GivenProof>
  readonly reason_code?: string
  readonly note?: string
  /** Of a hand-off: who is to take over. Bare UUID. */
  readonly to_driver_id?: string
}

/** Characters of the longest free text in a payload. */
export const taskTextLengthMax = 500

/** Proofs that one TASK may give. */
export const taskProofsMax = 10

const isText = (value: unknown): value is string =>
  typeof value === "string" &&
  value.length >= 1 &&
  value.length <= taskTextLengthMax &&
  value.isWellFormed() &&
  !value.includes("\0")

const isProofType = (value: unknown): value is ProofType => proofTypes.some((type) => type === value)

const isGiven = (value: unknown): boolean => value !== undefined && value !== null

/** Whether a proof of this type is a file. */
export const isFileProof = (type: ProofType): boolean => type === "photo" || type === "signature"

const readProof = (name: string, given: unknown): GivenProof | string => {
  if (typeof given !== "object" || given === null) return `${name} must be a map`
  const { type, file_id, value, sha256 } = given as Readonly<Record<string, unknown>>
  if (!isProofType(type)) return `${name}.type must be one of ${proofTypes.join(", ")}`
  if (isGiven(sha256) && !(typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256)))
    return `${name}.sha256 must be 64 hexadecimal digits`
  if (!isFileProof(type)) return isText(value) ? { type, value } : `${name} needs a value`
  const fileId = typeof file_id === "string" ? bareId("file", file_id) : undefined
  if (isGiven(file_id) && fileId === undefined) return `${name}.file_id must be the id of a file`
  if (fileId === undefined && !isGiven(sha256)) return `${name} needs sha256 or file_id`
  return {
    type,
    ...(fileId === undefined ? {} : { file_id: fileId }),
    ...(typeof sha256 === "string" ? { sha256 } : {})
  }
}

const readProofs = (proof: unknown, proofs: unknown): Pick<TaskPayload, "proof" | "proofs"> | string => {
  const one = isGiven(proof) ? readProof("proof", proof) : undefined
  if (typeof one === "string") return one
  const single = one === undefined ? {} : { proof: one }
  if (!isGiven(proofs)) return single
  if (!Array.isArray(proofs) || proofs.length > taskProofsMax) return `proofs must be at most ${taskProofsMax} maps`
  const read = proofs.map((each, i) => readProof(`proofs[${i}]`, each))
  const wrong = read.find((each) => typeof each === "string")
  return wrong ?? { ...single, proofs: read.filter((each) => typeof each !== "string") }
}

const reasonPattern = /^[a-z][a-z0-9_]{0,39}$/

const readReason = (action: TaskAction, code: unknown): TaskPayload | string => {
  if (action === "failed")
    return typeof code === "string" && failureReasons.some((reason) => reason === code)
      ? { reason_code: code }
      : `reason_code must be one of ${failureReasons.join(", ")}`
  if (code === undefined || code === null) return {}
  return typeof code === "string" && reasonPattern.test(code)
    ? { reason_code: code }
    : "reason_code must be lower-case letters, digits and underscores, at most 40"
}

const readNextDriver = (action: TaskAction, id: unknown): TaskPayload | string => {
  if (action !== "handed_off" || id === undefined || id === null) return {}
  const driverId = typeof id === "string" ? bareId("driver", id) : undefined
  return driverId === undefined ? "to_driver_id must be the id of a driver" : { to_driver_id: driverId }
}

/**
 * Reads a TASK's payload: `proof` or `proofs` with a delivery; `reason_code` and `note` with what went wrong, the code of a failure being one of the
 * list; `to_driver_id` with a hand-off. Other keys are left out, since newer apps may send more. A text says what is wrong with it.
 */
export const readTaskPayload = (action: TaskAction, payload: unknown): TaskPayload | string => {
  if (payload === null || payload === undefined) payload = {}
  if (typeof payload !== "object" || Array.isArray(payload)) return "payload must be a map"
  const { proof, proofs, reason_code, note, to_driver_id } = payload as Readonly<Record<string, unknown>>
  if (note !== undefined && note !== null && !isText(note))
    return `note must be a text of 1 to ${taskTextLengthMax} characters`
  const text = isText(note) ? { note } : {}
  if (action === "failed" || action === "handed_off" || action === "returned") {
    const reason = readReason(action, reason_code)
    if (typeof reason === "string") return reason
    const next = readNextDriver(action, to_driver_id)
    return typeof next === "string" ? next : { ...text, ...reason, ...next }
  }
  const read = readProofs(proof, proofs)
  return typeof read === "string" ? read : { ...text, ...read }
}
