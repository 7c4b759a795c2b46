import { createHash } from "node:crypto"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { canonicalJson } from "../domain/CanonicalJson.ts"
import { publicId } from "../domain/Ids.ts"
import { newestAssignment, type ShipmentState } from "../domain/ShipmentState.ts"
import type { TaskAction } from "../domain/TaskAction.ts"
import type { TaskPayload } from "../domain/TaskPayload.ts"
import { driverScope, inRowScope } from "../persistence/RowScope.ts"
import type { EventOrigin } from "../persistence/ShipmentEventRepo.ts"
import { ShipmentRepo } from "../persistence/ShipmentRepo.ts"
import { type TaskCommandRecord, TaskRepo } from "../persistence/TaskRepo.ts"
import { makeShipmentCommands } from "./ShipmentCommands.ts"

/** A TASK of a driver's phone, read. */
export interface TaskCommand {
  readonly commandId: string
  /** Bare UUID. */
  readonly assignmentId: string
  readonly fencingToken: number
  readonly action: TaskAction
  readonly occurredAtMs: number
  readonly payload: TaskPayload
}

/** What a phone is answered: RESULT. */
export interface TaskVerdict {
  readonly ok: boolean
  readonly detail: Readonly<Record<string, unknown>> | null
}

/** Answers TASKs: one verdict for each command id, stored with its effect in one transaction in the driver's row scope. */
export const makeTaskVerdicts = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const shipments = yield* ShipmentRepo
  const tasks = yield* TaskRepo
  const { command } = yield* makeShipmentCommands

  const decideTask = (driverId: string, task: TaskCommand) =>
    Effect.gen(function* () {
      const { shipment_id: shipmentId } = yield* shipments.assignment(task.assignmentId)
      const origin: EventOrigin = {
        actor: { kind: "driver", id: driverId },
        cause: `command ${task.commandId}`,
        occurredAt: new Date(task.occurredAtMs)
      }
      const after = yield* command(shipmentId, { _tag: "Task", ...task, driverId }, origin)
      return { ok: true, detail: taskDetail(shipmentId, task, after) } as TaskVerdict
    }).pipe(
      Effect.catchTag("RowAbsent", () =>
        Effect.succeed(refusedTask("assignment_not_found", "this driver has no such assignment", []))
      ),
      Effect.catchTag("CommandRefused", ({ code, detail, allowed }) =>
        Effect.succeed(refusedTask(code, detail, allowed))
      )
    )

  const task = Effect.fn("Shipments.task")(function* (driverId: string, asked: TaskCommand) {
    const { commandId, ...content } = asked
    const record: TaskCommandRecord = {
      driverId,
      commandId: commandId.toLowerCase(),
      fingerprint: createHash("sha256")
        .update(`task ${canonicalJson(content)}`)
        .digest(),
      occurredAt: new Date(asked.occurredAtMs)
    }
    const decided = Effect.gen(function* () {
      const stored = yield* tasks.claim(record)
      if (stored !== undefined) {
        const isSame = Buffer.compare(stored.fingerprint, record.fingerprint) === 0
        return isSame ? { ok: stored.ok, detail: stored.detail } : commandReused
      }
      const verdict = yield* decideTask(driverId, asked)
      yield* tasks.keep(record, verdict.ok, verdict.detail)
      return verdict
    })
    const scoped = inRowScope(driverScope(driverId), decided)
    return yield* Effect.provideService(scoped, SqlClient.SqlClient, sql)
  })

  return { task }
})

const refusedTask = (code: string, detail: string, allowed: ReadonlyArray<string>): TaskVerdict => ({
  ok: false,
  detail: { code, detail, allowed }
})

const commandReused: TaskVerdict = refusedTask("command_reused", "this commandId was used for another command", [])

const taskDetail = (shipmentId: string, task: TaskCommand, after: ShipmentState) => ({
  shipment_id: publicId("shipment", shipmentId),
  assignment_id: publicId("assignment", task.assignmentId),
  shipment_status: after.status,
  status: newestAssignment(after)?.status ?? null,
  sequence: after.version
})
