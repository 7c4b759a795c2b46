import type { AssignmentStatus } from "../../domain/Assignment.ts"
import { publicId } from "../../domain/Ids.ts"
import type { ShipmentCommand } from "../../domain/ShipmentDecision.ts"
import { newestAssignment, type ShipmentState } from "../../domain/ShipmentState.ts"

/** What a phone is answered: RESULT. */
export interface Verdict {
  readonly ok: boolean
  readonly detail: Readonly<Record<string, unknown>> | null
}

/** The verdict on a command that was not taken. */
export const refusedVerdict = (code: string, detail: string, allowed: ReadonlyArray<string>): Verdict => ({
  ok: false,
  detail: { code, detail, allowed }
})

/** The verdicts on commands about nothing. */
export const aboutNothing = {
  task: refusedVerdict("assignment_not_found", "this driver has no such assignment", []),
  offer_reply: refusedVerdict("offer_not_found", "no such offer was made to this driver", [])
}

/** The verdict on a command whose id said something else before. Never stored. */
export const commandReused: Verdict = refusedVerdict(
  "command_reused",
  "this commandId was used for another command",
  []
)

const statusOf = (command: ShipmentCommand, after: ShipmentState): AssignmentStatus | null => {
  const own = after.assignments.find((each) => "assignmentId" in command && each.assignmentId === command.assignmentId)
  return (own ?? newestAssignment(after))?.status ?? null
}

/** The verdict on a command that led a shipment here. */
export const verdictOn = (shipmentId: string, command: ShipmentCommand, after: ShipmentState): Verdict => ({
  ok: true,
  detail: {
    shipment_id: publicId("shipment", shipmentId),
    ...("assignmentId" in command ? { assignment_id: publicId("assignment", command.assignmentId) } : {}),
    shipment_status: after.status,
    status: statusOf(command, after),
    sequence: after.version
  }
})
