import type { Actor } from "../../domain/Actor.ts"
import type { Candidate, Explanation, LoggedEvent } from "../../domain/Explanation.ts"
import { publicId } from "../../domain/Ids.ts"
import type { AskedRow } from "../../persistence/shipments/OfferRepo.ts"
import type { Explanation as ExplanationShape } from "./AssignmentsApi.ts"

const showActor = ({ kind, id }: Actor) => ({
  kind,
  id: id === undefined ? null : publicId(kind === "driver" ? "driver" : "user", id)
})

const said = ({ event: { data } }: LoggedEvent, key: "reason" | "reason_code"): string | null =>
  key in data ? ((data as { readonly [name in typeof key]?: string })[key] ?? null) : null

const showCandidate = ({ assignmentId, driverId, fencingToken, ...offer }: Candidate) => ({
  driver_id: driverId === "" ? null : driverId,
  assignment_id: assignmentId,
  fencing_token: fencingToken,
  asked_at: offer.asked.at,
  asked_by: showActor(offer.asked.by),
  expires_at: offer.expiresAt ?? null,
  answer: offer.answer,
  answered_at: offer.answered?.at ?? null,
  reason: offer.answer === "declined" && offer.answered !== undefined ? said(offer.answered, "reason") : null
})

const showEnd = (ended: LoggedEvent) => ({
  type: ended.event.type,
  at: ended.at,
  by: showActor(ended.by),
  reason_code: said(ended, "reason_code"),
  reason: said(ended, "reason")
})

/** Why a driver was asked, as the API says it. Without an explanation (its log is gone) it is what the row still knows. */
export const showExplanation = (row: AskedRow, why: Explanation | undefined): typeof ExplanationShape.Type => ({
  assignment_id: row.id,
  shipment_id: row.shipment_id,
  driver_id: row.driver_id,
  status: row.status,
  fencing_token: row.fencing_token,
  origin: why?.origin ?? null,
  asked_at: why?.asked.at ?? row.offered_at ?? row.assigned_at,
  asked_by: why === undefined ? null : showActor(why.asked.by),
  reason: why?.reason ?? null,
  replaces: why?.replaces ?? null,
  candidates: why?.candidates.map(showCandidate) ?? [],
  taken_at: why?.taken?.at ?? row.accepted_at,
  ended: why?.ended === undefined ? null : showEnd(why.ended)
})
