import type { TaskCommand } from "../actors/tasks/TaskReports.ts"
import { bareId } from "../domain/Ids.ts"
import { isTaskAction, taskActions } from "../domain/TaskAction.ts"
import { readTaskPayload } from "../domain/TaskPayload.ts"
import { fieldRange } from "../domain/TelemetryRules.ts"
import type { Frame } from "../protocol/FrameCodec.ts"
import { requiredFault } from "../protocol/PointBlock.ts"

/**
 * Reads `[7, commandId, assignmentId, fencingToken, action, occurredAt, payload]`; a text says what is wrong with it. The
 * caller has checked the commandId. An id of another form is no assignment's, so it is asked for like an absent one.
 */
export const readTask = (commandId: string, frame: Frame): TaskCommand | string => {
  const [, , assignmentId, fencingToken, action, occurredAt, payload] = frame
  if (typeof assignmentId !== "string") return "assignmentId must be a text"
  if (typeof fencingToken !== "number" || !Number.isSafeInteger(fencingToken) || fencingToken < 0)
    return "fencingToken must be a whole number"
  if (!isTaskAction(action)) return `action must be one of ${taskActions.join(", ")}`
  if (requiredFault(occurredAt, fieldRange.time) !== 0) return "occurredAt must be Unix milliseconds"
  const read = readTaskPayload(action, payload)
  if (typeof read === "string") return read
  return {
    commandId,
    assignmentId: bareId("assignment", assignmentId) ?? nilUuid,
    fencingToken,
    action,
    occurredAtMs: occurredAt as number,
    payload: read
  }
}

const nilUuid = "00000000-0000-0000-0000-000000000000"
