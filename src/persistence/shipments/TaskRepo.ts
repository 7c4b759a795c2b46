import { Clock, Context, Effect, Layer } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { Limits } from "../../config/Limits.ts"
import type { AssignmentStatus } from "../../domain/Assignment.ts"
import type { ShipmentStatus } from "../../domain/Shipment.ts"
import type { StopStatus, StopType } from "../../domain/Stop.ts"
import { DatabaseUrl } from "../Database.ts"
import { followNotices, type NoticeListener } from "../Notices.ts"
import { inRowScope, ScopeOfDriver } from "../RowScope.ts"
import { type DriverOffers, endedOffersJson, openOffersJson, stopsJson } from "./DriverOffers.ts"

/** A TASK or an OFFER_REPLY as its phone sent it. */
export interface TaskCommandRecord {
  readonly kind: "task" | "offer_reply"
  readonly driverId: string
  readonly commandId: string
  /** SHA-256 of what the command says. */
  readonly fingerprint: Uint8Array
  readonly occurredAt: Date
}

/** What a command was answered. */
export interface StoredVerdict {
  readonly fingerprint: Uint8Array
  readonly ok: boolean
  readonly detail: Readonly<Record<string, unknown>> | null
}

/** One stop of a task inside its row. Times are Unix milliseconds. */
export interface TaskStopJson {
  readonly stop_id: string
  readonly type: StopType
  readonly position: number
  readonly lat: number
  readonly lng: number
  readonly address: string | null
  readonly window_start: number | null
  readonly window_end: number | null
  readonly status: StopStatus
  readonly requirements: ReadonlyArray<string>
}

/** A break to come of a run that the driver has tasks of. */
export interface TaskBreakJson {
  readonly stop_id: string
  readonly run_id: string
  readonly position: number
  readonly lat: number
  readonly lng: number
  readonly address: string | null
  /** Seconds. */
  readonly duration_s: number
  readonly status: StopStatus
}

/** One thing that a driver has to do. */
export interface TaskRow {
  readonly assignment_id: string
  readonly shipment_id: string
  readonly fencing_token: number
  readonly status: AssignmentStatus
  readonly shipment_status: ShipmentStatus
  readonly sequence: number
  /** The run in which the positions of its stops count; null: none. */
  readonly run_id: string | null
  /** Of whoever gets the parcel; null when nobody named themselves. */
  readonly first_name: string | null
  readonly thread_id: string
  readonly stops: ReadonlyArray<TaskStopJson>
}

/** All that a driver has to do, and is offered. `version` rises with every change of it. */
export interface DriverWorkRow extends DriverOffers {
  readonly version: number
  readonly tasks: ReadonlyArray<TaskRow>
  readonly breaks: ReadonlyArray<TaskBreakJson>
}

// By way of what the driver carries: a driver may be planned for many runs.
const breaksJson = (sql: SqlClient.SqlClient, driverId: string) => sql`coalesce((
    SELECT jsonb_agg(jsonb_build_object('stop_id', b.id, 'run_id', b.run_id, 'position', b.position, 'lat', b.lat, 'lng', b.lng,
      'address', b.address, 'duration_s', b.duration_s, 'status', b.status) ORDER BY b.run_id, b.position)
    FROM route_stops b JOIN delivery_runs r ON r.id = b.run_id
    WHERE b.stop_type = 'break' AND b.status NOT IN ('completed', 'failed', 'skipped')
      AND r.driver_id = ${driverId} AND r.status IN ('planned', 'active')
      AND b.run_id IN (SELECT p.run_id FROM driver_assignments a JOIN route_stops p ON p.shipment_id = a.shipment_id
        WHERE a.driver_id = ${driverId} AND a.status IN ('accepted', 'en_route', 'arrived', 'failed') AND p.run_id IS NOT NULL)), '[]')`

/** A driver's tasks, and the one answer that each of their commands has. */
export class TaskRepo extends Context.Service<
  TaskRepo,
  {
    /** Takes a command for the transaction that runs, and gives the answer it has already. Two nodes that get it at once take turns. */
    readonly claim: (command: TaskCommandRecord) => Effect.Effect<StoredVerdict | undefined, SqlError.SqlError>
    /** Keeps a command's answer, in the transaction of its effect. */
    readonly keep: (
      command: TaskCommandRecord,
      ok: boolean,
      detail: Readonly<Record<string, unknown>> | null
    ) => Effect.Effect<void, SqlError.SqlError>
    readonly workOf: (driverId: string) => Effect.Effect<DriverWorkRow, SqlError.SqlError>
    /** Tells `noticed(driverId)` after each commit that changed a driver's tasks, on any node. Never ends. */
    readonly watchTasks: (listener: NoticeListener) => Effect.Effect<never>
  }
>()("dropmate/persistence/shipments/TaskRepo") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const url = yield* DatabaseUrl
      const limits = yield* Limits
      const scopeOf = yield* ScopeOfDriver

      const claim = Effect.fn("TaskRepo.claim")(function* (command: TaskCommandRecord) {
        yield* sql`SELECT pg_advisory_xact_lock(hashtextextended(${`command ${command.driverId} ${command.commandId}`}::text, 0))`
        const rows = yield* sql<StoredVerdict>`SELECT fingerprint, ok, detail FROM driver_commands
          WHERE driver_id = ${command.driverId} AND command_id = ${command.commandId}`
        return rows[0]
      })

      // One statement: every HELLO of a phone waits for it. The statuses are told twice, for the index of what a driver has, since their
      // history may be a thousand times as long; OFFSET keeps the planner from reading all shipments to spare itself a few look-ups.
      const workOf = Effect.fn("TaskRepo.workOf")(function* (driverId: string) {
        const endedSince = new Date((yield* Clock.currentTimeMillis) - limits.offerToldMs)
        const statement = sql<DriverWorkRow>`SELECT
            (SELECT coalesce(max(a.tasks_version), 0)::integer FROM driver_assignments a WHERE a.driver_id = ${driverId}) AS version,
            coalesce((SELECT jsonb_agg(t.task) FROM (
              SELECT jsonb_build_object('assignment_id', a.id, 'shipment_id', a.shipment_id, 'fencing_token', a.fencing_token,
                'status', a.status, 'shipment_status', s.status, 'sequence', a.schedule_sequence,
                'run_id', (SELECT p.run_id FROM route_stops p WHERE p.shipment_id = s.id AND p.run_id IS NOT NULL LIMIT 1),
                'first_name', order_first_name(s.order_id),
                'thread_id', coalesce((SELECT t.id FROM message_threads t WHERE t.context_type = 'order' AND t.context_id = s.order_id
                  AND t.deleted_at IS NULL ORDER BY t.created_at LIMIT 1), s.order_id),
                'stops', ${stopsJson(sql)}) AS task
              FROM driver_assignments a CROSS JOIN LATERAL (
                SELECT h.id, h.status, h.order_id FROM shipments h WHERE h.id = a.shipment_id OFFSET 0) AS s
              WHERE a.driver_id = ${driverId} AND a.status IN ('accepted', 'en_route', 'arrived', 'failed')
                AND (a.status IN ('accepted', 'en_route', 'arrived') OR (a.status = 'failed' AND s.status IN ('failed', 'returning')
                  AND NOT EXISTS (SELECT FROM driver_assignments n WHERE n.shipment_id = a.shipment_id
                    AND n.fencing_token > a.fencing_token AND n.status NOT IN ('pending', 'rejected', 'expired'))))
              ORDER BY a.schedule_sequence, a.id LIMIT ${limits.tasksPerDriverMax}) AS t), '[]') AS tasks,
            ${breaksJson(sql, driverId)} AS breaks,
            ${openOffersJson(sql, driverId, limits.offersReadMax)} AS open,
            ${endedOffersJson(sql, driverId, endedSince, limits.offersReadMax)} AS ended`
        const rows = yield* Effect.provideService(inRowScope(scopeOf(driverId), statement), SqlClient.SqlClient, sql)
        return rows[0] ?? { version: 0, tasks: [], breaks: [], open: [], ended: [] }
      })

      return {
        claim,
        keep: (command, ok, detail) =>
          sql`INSERT INTO driver_commands (driver_id, command_id, kind, fingerprint, ok, detail, occurred_at)
            VALUES (${command.driverId}, ${command.commandId}, ${command.kind}, ${command.fingerprint}, ${ok},
              ${detail === null ? null : JSON.stringify(detail)}::text::jsonb, ${command.occurredAt})`.pipe(
            Effect.asVoid
          ),
        workOf,
        watchTasks: (listener) => followNotices(url, "dropmate_tasks", listener)
      }
    })
  )
}
