import type { TaskReceipt } from "../fleet/TaskReceipt.ts"
import type { Finding } from "../fleet/Violation.ts"
import type { Acceptance } from "./checks/KeptReports.ts"
import type { PlacedOrder } from "./PlacedOrder.ts"

/** What the people of a simulation were told, to be held against what the server says at the end. */
export class TownLedger {
  readonly orders = new Map<string, PlacedOrder>()
  readonly receipts: Array<TaskReceipt> = []
  /** Assignments whose driver was told that the offer is theirs. */
  readonly acceptances: Array<Acceptance> = []
  readonly findings: Array<Finding> = []
  /** Orders whose customers were told that they have paid. */
  readonly paid = new Set<string>()
  paymentsDeclined = 0
  cancellationsRefused = 0
  /** Orders of which the customer still has something to do. */
  unfinished = 0
}
