import { Context, type Effect } from "effect"
import type { SqlError } from "effect/sql"
import type { Answer } from "../../persistence/IdempotencyRepo.ts"
import type { RowAbsent } from "../../persistence/RowAbsent.ts"

/** What a request for a shipment's command is answered with. */
export const shipmentAnswerKinds = ["assignment", "shipment", "order", "offers"] as const

/** One of the kinds. */
export type ShipmentAnswerKind = (typeof shipmentAnswerKinds)[number]

/** What an answer is about. Bare UUIDs; `assignmentId` is undefined when no driver has the shipment. */
export interface ShipmentAnswerSubject {
  readonly orderId: string
  readonly shipmentId: string
  readonly assignmentId: string | undefined
}

/**
 * How REST words what became of a shipment. The actor asks it inside the transaction of the effect, so that the bytes are kept
 * with what they tell; http/ShipmentAnswersLive.ts knows the words.
 */
export class ShipmentAnswers extends Context.Service<
  ShipmentAnswers,
  {
    readonly word: (
      kind: ShipmentAnswerKind,
      subject: ShipmentAnswerSubject
    ) => Effect.Effect<Answer, RowAbsent | SqlError.SqlError>
  }
>()("dropmate/actors/shipments/ShipmentAnswers") {}
