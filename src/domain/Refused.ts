/** Why a machine did not take a command. Every code is also one of the API's (src/http/ProblemCode.ts) or of RESULT. */
export const refusedCodes = [
  "illegal_transition",
  "shipment_already_taken",
  "stale_fencing_token",
  "assignment_not_found",
  "offer_not_found",
  "offer_expired",
  "offer_withdrawn",
  "reason_required",
  "driver_not_available",
  "no_driver_available",
  "not_permitted",
  "proof_required",
  "proof_invalid",
  "proof_locked",
  "run_without_driver",
  "run_empty",
  "run_not_given",
  "run_unfinished",
  "run_too_long",
  "shipment_in_run",
  "shipment_over",
  "not_a_break",
  "break_over"
] as const

/** One of the codes. */
export type RefusedCode = (typeof refusedCodes)[number]

/** A command that was not taken: nothing changed. `allowed` names the commands that would have been. */
export interface Refused {
  readonly _tag: "Refused"
  readonly code: RefusedCode
  readonly detail: string
  readonly allowed: ReadonlyArray<string>
}

/** A refusal. */
export const refused = (code: RefusedCode, detail: string, allowed: ReadonlyArray<string> = []): Refused => ({
  _tag: "Refused",
  code,
  detail,
  allowed
})

/** A command that was taken. No events: it was a repetition, or there was nothing to do. */
export interface Accepted<Event> {
  readonly _tag: "Accepted"
  readonly events: ReadonlyArray<Event>
}

/** The answer of `decide`. */
export type Decision<Event> = Accepted<Event> | Refused

/** The answer that takes a command. */
export const accepted = <Event>(...events: ReadonlyArray<Event>): Accepted<Event> => ({ _tag: "Accepted", events })
