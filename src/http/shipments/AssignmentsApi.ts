import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import { idField, TimeField } from "../Field.ts"

/** Who was behind something: a driver, a user, or the server itself, which has no id. */
const Actor = Schema.Struct({ kind: Schema.String, id: Schema.NullOr(Schema.String) })

/**
 * A driver who was looked at for the shipment. All of them were asked; one who was not would have no assignment, nothing of
 * the offer, and an answer that says so.
 */
const Candidate = Schema.Struct({
  driver_id: Schema.NullOr(idField("driver")),
  assignment_id: Schema.NullOr(idField("assignment")),
  fencing_token: Schema.NullOr(Schema.Int),
  asked_at: Schema.NullOr(TimeField),
  asked_by: Schema.NullOr(Actor),
  expires_at: Schema.NullOr(TimeField),
  answer: Schema.String,
  answered_at: Schema.NullOr(TimeField),
  reason: Schema.NullOr(Schema.String)
}).annotate({ identifier: "Candidate" })

const Ended = Schema.Struct({
  type: Schema.String,
  at: TimeField,
  by: Actor,
  reason_code: Schema.NullOr(Schema.String),
  reason: Schema.NullOr(Schema.String)
})

/** Why a driver was asked, or given a shipment. */
export const Explanation = Schema.Struct({
  assignment_id: idField("assignment"),
  shipment_id: idField("shipment"),
  driver_id: Schema.NullOr(idField("driver")),
  status: Schema.String,
  fencing_token: Schema.Int,
  /** Null: the log of that time is not kept any more. */
  origin: Schema.NullOr(Schema.String),
  asked_at: TimeField,
  asked_by: Schema.NullOr(Actor),
  reason: Schema.NullOr(Schema.String),
  replaces: Schema.NullOr(idField("assignment")),
  candidates: Schema.Array(Candidate),
  taken_at: Schema.NullOr(TimeField),
  ended: Schema.NullOr(Ended)
}).annotate({ identifier: "Explanation" })

/** Single assignments, for whoever runs the fleet. */
export class AssignmentsApi extends HttpApiGroup.make("assignments")
  .add(
    HttpApiEndpoint.get("explanation", "/:id/explanation", {
      params: { id: idField("assignment") },
      success: Explanation
    })
      .annotate(Access, { permission: "shipments.read", knownTo: "shipments.read" })
      .annotate(
        OpenApi.Description,
        "Why this driver was asked, or given the shipment. `origin`: `by_offer`, `by_hand` (a person gave it without asking) or `by_server`. `candidates` are all who were asked since the shipment began to wait, with their `answer`: `open`, `accepted`, `declined`, `expired`, `lost` (another driver got it) or `withdrawn`. `ended` is the event that ended the assignment last."
      )
  )
  .middleware(Authenticated)
  .prefix("/assignments") {}
