import type { TaskAction } from "../../domain/TaskAction.ts"

/** What a driver reported and the server answered to have done. Ids as the API shows them. */
export interface TaskReceipt {
  readonly shipmentId: string
  readonly assignmentId: string
  readonly action: TaskAction
  /** As the phone sent it. */
  readonly proof: Readonly<Record<string, unknown>> | undefined
}
