import { Schema } from "effect"
import { SqlError } from "effect/sql"
import { actorKinds } from "../../domain/Actor.ts"
import { taskActions } from "../../domain/TaskAction.ts"
import { proofTypes } from "../../domain/TaskPayload.ts"
import { RowAbsent } from "../../persistence/RowAbsent.ts"
import { ShipmentMoved } from "../../persistence/shipments/ShipmentWrites.ts"
import { CommandRefused, DriverNotAssignable, TooManyOffers } from "../CommandRefused.ts"
import { KeyInFlight, KeyReused, RequestKey } from "./KeyedAnswers.ts"
import { shipmentAnswerKinds } from "./ShipmentAnswers.ts"
import { ShipmentUnavailable } from "./ShipmentUnavailable.ts"

const text = Schema.String
const maybeText = Schema.optionalKey(text)
const orUndefined = Schema.UndefinedOr(text)

const Proof = Schema.Struct({
  type: Schema.Literals(proofTypes),
  file_id: maybeText,
  value: maybeText,
  sha256: maybeText
})

const TaskPayload = Schema.Struct({
  proof: Schema.optionalKey(Proof),
  proofs: Schema.optionalKey(Schema.Array(Proof)),
  reason_code: maybeText,
  note: maybeText,
  to_driver_id: maybeText
})

const wantedOffer = { assignmentId: text, driverId: text }
const reply = { ...wantedOffer, fencingToken: Schema.Int, nowMs: Schema.Finite }

/** `ShipmentCommand` of the domain, as it travels between nodes. */
const Command = Schema.Union([
  Schema.TaggedStruct("Dispatch", {}),
  Schema.TaggedStruct("Offer", {
    offers: Schema.Array(Schema.Struct(wantedOffer)),
    expiresAtMs: Schema.Finite,
    nowMs: Schema.Finite
  }),
  Schema.TaggedStruct("AcceptOffer", reply),
  Schema.TaggedStruct("DeclineOffer", { ...reply, reason: maybeText }),
  Schema.TaggedStruct("ExpireOffers", { nowMs: Schema.Finite }),
  Schema.TaggedStruct("Assign", { ...wantedOffer, reason: maybeText }),
  Schema.TaggedStruct("Reassign", { ...wantedOffer, reason: maybeText }),
  Schema.TaggedStruct("Unassign", { reason: maybeText }),
  Schema.TaggedStruct("Retry", {}),
  Schema.TaggedStruct("StartReturn", {}),
  Schema.TaggedStruct("MarkReturned", { reason: text }),
  Schema.TaggedStruct("Reschedule", { startMs: Schema.Finite, endMs: Schema.Finite }),
  Schema.TaggedStruct("Cancel", { reason: maybeText }),
  Schema.TaggedStruct("Task", {
    action: Schema.Literals(taskActions),
    assignmentId: text,
    driverId: text,
    fencingToken: Schema.Int,
    payload: TaskPayload,
    next: Schema.optionalKey(Schema.NullOr(Schema.Struct({ ...wantedOffer, expiresAtMs: Schema.Finite })))
  })
])

const Origin = Schema.Struct({
  actor: Schema.Struct({ kind: Schema.Literals(actorKinds), id: orUndefined }),
  cause: text,
  occurredAt: Schema.Date
})

const Scope = Schema.Struct({
  userId: Schema.optional(text),
  driverId: Schema.optional(text),
  customerId: Schema.optional(text),
  roles: Schema.Array(text),
  requestId: Schema.optional(text)
})

/** A command for a shipment, on whose behalf, and under which key its answer is kept. */
export const ShipmentAsk = Schema.Struct({
  command: Command,
  origin: Origin,
  /** Whose rows the command's transaction reaches. */
  scope: Scope,
  key: Schema.UndefinedOr(RequestKey),
  /** Undefined: nobody reads the answer. */
  answer: Schema.UndefinedOr(Schema.Literals(shipmentAnswerKinds))
})

/** One of them. */
export type ShipmentAsk = typeof ShipmentAsk.Type

/** What became of it. `answer` is empty unless it was asked for. */
export const ShipmentReply = Schema.Struct({
  answer: Schema.Struct({ status: Schema.Int, headers: Schema.Record(text, text), body: Schema.Uint8Array }),
  isReplayed: Schema.Boolean,
  /** The assignment whose driver has the shipment; undefined when nobody has it, or when the answer is a replay. */
  assignmentId: orUndefined
})

/** A command of a driver's phone, with the record under which its verdict is kept. */
export const ShipmentReport = Schema.Struct({
  kind: Schema.Literals(["task", "offer_reply"]),
  command: Command,
  driverId: text,
  commandId: text,
  /** SHA-256 of what the command says. */
  fingerprint: Schema.Uint8Array,
  /** Event time of the phone. */
  occurredAt: Schema.Date
})

/** One of them. */
export type ShipmentReport = typeof ShipmentReport.Type

/** What a phone is answered: RESULT. */
export const ShipmentVerdict = Schema.Struct({
  ok: Schema.Boolean,
  detail: Schema.NullOr(Schema.Record(text, Schema.Unknown))
})

/** Why a command was not carried out. */
export const ShipmentAskError = Schema.Union([
  CommandRefused,
  DriverNotAssignable,
  TooManyOffers,
  RowAbsent,
  ShipmentMoved,
  ShipmentUnavailable,
  KeyInFlight,
  KeyReused,
  SqlError.SqlError
])

/** Why a report has no verdict. Nothing was stored: the phone may send it again. */
export const ShipmentReportError = Schema.Union([ShipmentMoved, ShipmentUnavailable, SqlError.SqlError])
