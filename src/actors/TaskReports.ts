import { createHash } from "node:crypto"
import { Effect } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { canonicalJson } from "../domain/CanonicalJson.ts"
import type { TaskAction } from "../domain/TaskAction.ts"
import type { TaskPayload } from "../domain/TaskPayload.ts"
import { inRowScope, ScopeOfDriver } from "../persistence/RowScope.ts"
import { ShipmentRepo } from "../persistence/ShipmentRepo.ts"
import { type TaskCommandRecord, TaskRepo } from "../persistence/TaskRepo.ts"
import type { ShipmentReport } from "./ShipmentAsk.ts"
import { commandReused, noSuchAssignment, type Verdict } from "./Verdict.ts"

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

/** Takes TASKs to the shipments that they are about: one verdict for each command id, stored with its effect. */
export const makeTaskReports = <E>(
  reportTo: (shipmentId: string, report: ShipmentReport) => Effect.Effect<Verdict, E>
) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const shipments = yield* ShipmentRepo
    const tasks = yield* TaskRepo
    const scopeOf = yield* ScopeOfDriver

    /** Also a command about nothing has one verdict for ever. */
    const aboutNothing = Effect.fnUntraced(function* (record: TaskCommandRecord) {
      const stored = yield* tasks.claim(record)
      if (stored !== undefined)
        return Buffer.compare(stored.fingerprint, record.fingerprint) === 0
          ? { ok: stored.ok, detail: stored.detail }
          : commandReused
      yield* tasks.keep(record, noSuchAssignment.ok, noSuchAssignment.detail)
      return noSuchAssignment
    })

    const asDriver = <A, E1>(driverId: string, effect: Effect.Effect<A, E1 | SqlError.SqlError, SqlClient.SqlClient>) =>
      Effect.provideService(inRowScope(scopeOf(driverId), effect), SqlClient.SqlClient, sql)

    const task = Effect.fn("Shipments.task")(function* (driverId: string, asked: TaskCommand) {
      const { commandId, occurredAtMs, ...content } = asked
      const record: TaskCommandRecord = {
        driverId,
        commandId: commandId.toLowerCase(),
        fingerprint: createHash("sha256")
          .update(`task ${canonicalJson({ ...content, occurredAtMs })}`)
          .digest(),
        occurredAt: new Date(occurredAtMs)
      }
      const assignment = yield* asDriver(driverId, shipments.assignment(asked.assignmentId)).pipe(
        Effect.catchTag("RowAbsent", () => Effect.undefined)
      )
      if (assignment === undefined) return yield* asDriver(driverId, aboutNothing(record))
      return yield* reportTo(assignment.shipment_id, { ...record, command: { _tag: "Task", ...content, driverId } })
    })

    return { task }
  })
