import { createHash } from "node:crypto"
import { Clock, Effect } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { canonicalJson } from "../../domain/CanonicalJson.ts"
import type { ShipmentCommand } from "../../domain/ShipmentDecision.ts"
import type { TaskAction } from "../../domain/TaskAction.ts"
import type { TaskPayload } from "../../domain/TaskPayload.ts"
import { inRowScope, ScopeOfDriver } from "../../persistence/RowScope.ts"
import { type TaskCommandRecord, TaskRepo } from "../../persistence/shipments/TaskRepo.ts"
import { makeHandOver } from "../drivers/HandOver.ts"
import type { ShipmentReport } from "../shipments/ShipmentAsk.ts"
import { aboutNothing, commandReused, type Verdict } from "../shipments/Verdict.ts"
import { makeAssignmentShipments } from "./AssignmentShipments.ts"

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

/** An OFFER_REPLY of a driver's phone, read. */
export interface OfferReply {
  readonly commandId: string
  /** Bare UUID of the offer, which is its assignment's. */
  readonly assignmentId: string
  readonly fencingToken: number
  readonly accepted: boolean
  readonly reason: string | null
}

const fingerprintOf = (kind: TaskCommandRecord["kind"], content: unknown): Uint8Array =>
  createHash("sha256")
    .update(`${kind} ${canonicalJson(content)}`)
    .digest()

/** Takes TASKs and OFFER_REPLYs to the shipments that they are about: one verdict for each command id, stored with its effect. */
export const makeTaskReports = <E>(
  reportTo: (shipmentId: string, report: ShipmentReport) => Effect.Effect<Verdict, E>
) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const tasks = yield* TaskRepo
    const scopeOf = yield* ScopeOfDriver
    const handOver = yield* makeHandOver

    /** Also a command about nothing has one verdict for ever. */
    const answerNothing = Effect.fnUntraced(function* (record: TaskCommandRecord) {
      const stored = yield* tasks.claim(record)
      if (stored !== undefined)
        return Buffer.compare(stored.fingerprint, record.fingerprint) === 0
          ? { ok: stored.ok, detail: stored.detail }
          : commandReused
      const verdict = aboutNothing[record.kind]
      yield* tasks.keep(record, verdict.ok, verdict.detail)
      return verdict
    })

    const asDriver = <A, E1>(driverId: string, effect: Effect.Effect<A, E1 | SqlError.SqlError, SqlClient.SqlClient>) =>
      Effect.provideService(inRowScope(scopeOf(driverId), effect), SqlClient.SqlClient, sql)

    const shipmentOf = yield* makeAssignmentShipments(asDriver)

    const take = Effect.fnUntraced(function* (
      record: TaskCommandRecord,
      assignmentId: string,
      command: ShipmentCommand
    ) {
      const shipmentId = yield* shipmentOf(record.driverId, assignmentId)
      if (shipmentId === undefined) return yield* asDriver(record.driverId, answerNothing(record))
      return yield* reportTo(shipmentId, { ...record, command })
    })

    const task = Effect.fn("Shipments.task")(function* (driverId: string, asked: TaskCommand) {
      const { commandId, occurredAtMs, ...content } = asked
      const record: TaskCommandRecord = {
        kind: "task",
        driverId,
        commandId: commandId.toLowerCase(),
        fingerprint: fingerprintOf("task", { ...content, occurredAtMs }),
        occurredAt: new Date(occurredAtMs)
      }
      const next = yield* handOver(driverId, asked.payload.to_driver_id)
      const command: ShipmentCommand = { _tag: "Task", ...content, driverId, ...(next === undefined ? {} : { next }) }
      return yield* take(record, asked.assignmentId, command)
    })

    const reply = Effect.fn("Shipments.reply")(function* (driverId: string, asked: OfferReply) {
      const { commandId, ...content } = asked
      const nowMs = yield* Clock.currentTimeMillis
      const record: TaskCommandRecord = {
        kind: "offer_reply",
        driverId,
        commandId: commandId.toLowerCase(),
        fingerprint: fingerprintOf("offer_reply", content),
        occurredAt: new Date(nowMs)
      }
      const { assignmentId, fencingToken, accepted, reason } = content
      const answer = { assignmentId, driverId, fencingToken, nowMs }
      const command: ShipmentCommand = accepted
        ? { _tag: "AcceptOffer", ...answer }
        : { _tag: "DeclineOffer", ...answer, ...(reason === null ? {} : { reason }) }
      return yield* take(record, assignmentId, command)
    })

    return { task, reply }
  })
