import type { TaskAction } from "../../domain/TaskAction.ts"

/** A proof as a phone gives it. */
export type PhoneProof = Readonly<Record<string, unknown>>

/** What a driver reported and the server answered to have done. Ids as the API shows them. */
export interface TaskReceipt {
  readonly shipmentId: string
  readonly assignmentId: string
  readonly action: TaskAction
  /** As the phone sent them, in their order. */
  readonly proofs: ReadonlyArray<PhoneProof>
}
