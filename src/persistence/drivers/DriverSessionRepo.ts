import { PgClient } from "@effect/sql-pg"
import { Context, Data, Effect, Layer, Queue, Schedule, Semaphore } from "effect"
import type { SqlError } from "effect/sql"
import { Limits } from "../../config/Limits.ts"
import type { DutyChange } from "../../domain/TelemetryRules.ts"
import { type DatabaseRole, DatabaseUrl } from "../Database.ts"
import type { Marker } from "../ingest/IngestDevice.ts"
import { newId } from "../NewId.ts"

/** HELLO is not for this driver: unknown, suspended, disabled. */
export class DriverNotPermitted extends Data.TaggedError("DriverNotPermitted")<{ readonly driverId: string }> {}
/** A HELLO with an attempt below the stored one: a newer session of the device exists. */
export class SessionReplaced extends Data.TaggedError("SessionReplaced")<{
  readonly driverId: string
  readonly deviceId: string
}> {}
/** More devices than a driver may have. */
export class TooManyDevices extends Data.TaggedError("TooManyDevices")<{ readonly driverId: string }> {}

/** What HELLO says. */
export interface SessionRequest {
  readonly driverId: string
  readonly deviceId: string
  readonly platform: "ios" | "android" | "web" | "other"
  readonly appVersion: string
  readonly capabilities: ReadonlyArray<string>
  readonly attempt: number | undefined
}

/** What WELCOME and the actor need. Times in Unix ms; -Infinity and undefined where there is none. */
export interface OpenedSession {
  readonly sessionId: string
  readonly deviceNo: number
  readonly lastSeq: number
  readonly lastRecordedAt: number | undefined
  readonly replacedSessionId: string | undefined
  /** The device's stored marker. */
  readonly deviceMarker:
    | { readonly recordedAt: number; readonly receivedAt: number; readonly latE7: number; readonly lngE7: number }
    | undefined
  /** The driver's, over all devices. */
  readonly driverMarker: Marker | undefined
  readonly driverName: string
  readonly duty: "on" | "off" | "break" | undefined
  readonly dutyChanges: ReadonlyArray<DutyChange>
}

interface OpenedRow {
  readonly refusal: "not_permitted" | "too_many_devices" | "replaced" | null
  readonly device_no: number
  readonly last_seq: bigint
  readonly last_recorded_at: Date | null
  readonly replaced_session_id: string | null
  readonly marker_recorded_at: Date | null
  readonly marker_received_at: Date | null
  readonly marker_lat: number | null
  readonly marker_lng: number | null
  readonly driver_name: string
  readonly duty: "on" | "off" | "break" | null
  readonly driver_marker: MarkerJson | null
  readonly duty_changes: ReadonlyArray<{ readonly occurred_at: number; readonly duty: DutyChange["duty"] }> | null
}

interface MarkerJson {
  readonly recorded_at: string
  readonly received_at: string
  readonly lat: number
  readonly lng: number
  readonly speed: number | null
  readonly heading: number | null
  readonly accuracy: number | null
}

/** Sessions of driver apps. Works in the writer's role, since a session owns an ingest cursor. */
export class DriverSessionRepo extends Context.Service<
  DriverSessionRepo,
  {
    /** Begins a session and takes the device's cursor, waiting for a flush of the session before it. */
    readonly open: (
      request: SessionRequest,
      node: string
    ) => Effect.Effect<OpenedSession, DriverNotPermitted | SessionReplaced | TooManyDevices | SqlError.SqlError>
    readonly end: (
      sessions: ReadonlyArray<{ readonly sessionId: string; readonly code: number }>
    ) => Effect.Effect<void, SqlError.SqlError>
    /** Notes that sessions were heard of. */
    readonly touch: (sessionIds: ReadonlyArray<string>) => Effect.Effect<void, SqlError.SqlError>
    /** Ends what an earlier run of this node left open. */
    readonly endLeftOver: (node: string) => Effect.Effect<void, SqlError.SqlError>
    /** Calls `replaced` with each session that a newer HELLO ended, on any node. Never ends; listens again after a break. */
    readonly watchReplaced: (replaced: (sessionId: string) => void) => Effect.Effect<never>
  }
>()("dropmate/persistence/drivers/DriverSessionRepo") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const limits = yield* Limits
      const sql = yield* PgClient.make({
        url: yield* DatabaseUrl,
        applicationName: "dropmate-sessions",
        startupParameters: { role: "dropmate_writer" satisfies DatabaseRole, timezone: "UTC" },
        maxConnections: limits.sessionConnectionsMax,
        connectTimeout: limits.databaseConnectMs,
        multiplex: true
      })
      const hellos = yield* Semaphore.make(limits.helloConcurrencyMax)

      const open = Effect.fn("DriverSessionRepo.open")(function* (request: SessionRequest, node: string) {
        const sessionId = yield* newId
        const deviceRowId = yield* newId
        const [row] = yield* sql<OpenedRow>`SELECT * FROM open_driver_session(
          ${request.driverId}::uuid, ${request.deviceId}::text, ${request.platform}::text, ${request.appVersion}::text,
          ARRAY(SELECT jsonb_array_elements_text(${JSON.stringify(request.capabilities)}::text::jsonb)), ${request.attempt ?? null}::bigint,
          ${node}::text, ${deviceRowId}::uuid, ${sessionId}::uuid, ${limits.devicesPerDriverMax}::integer)`.pipe(
          hellos.withPermit
        )
        if (row === undefined) return yield* Effect.die("open_driver_session answered nothing")
        switch (row.refusal) {
          case null:
            return opened(sessionId, row)
          case "replaced":
            return yield* new SessionReplaced({ driverId: request.driverId, deviceId: request.deviceId })
          case "too_many_devices":
            return yield* new TooManyDevices({ driverId: request.driverId })
          case "not_permitted":
            return yield* new DriverNotPermitted({ driverId: request.driverId })
        }
      })

      const listenOnce = (replaced: (sessionId: string) => void) =>
        Effect.scoped(
          Effect.gen(function* () {
            const notices = yield* sql.listen("dropmate_sessions")
            while (true) replaced((yield* Queue.take(notices)).payload)
          })
        )

      return {
        open,
        end: (sessions) =>
          sql`UPDATE driver_sessions AS s SET ended_at = now(), end_code = e.code, last_seen = now()
            FROM jsonb_to_recordset(${JSON.stringify(sessions.map(({ sessionId, code }) => ({ id: sessionId, code })))}::text::jsonb) AS e(id uuid, code integer)
            WHERE s.id = e.id AND s.ended_at IS NULL`.pipe(Effect.asVoid),
        touch: (sessionIds) =>
          sql`UPDATE driver_sessions SET last_seen = now()
            WHERE id IN (SELECT jsonb_array_elements_text(${JSON.stringify(sessionIds)}::text::jsonb)::uuid) AND ended_at IS NULL`.pipe(
            Effect.asVoid
          ),
        endLeftOver: (node) =>
          sql`UPDATE driver_sessions SET ended_at = now(), end_code = 1006 WHERE node = ${node} AND ended_at IS NULL`.pipe(
            Effect.asVoid
          ),
        watchReplaced: (replaced) =>
          listenOnce(replaced).pipe(
            Effect.catchCause((cause) => Effect.logWarning("session_notices_interrupted", cause)),
            Effect.repeat(Schedule.spaced("1 second")),
            Effect.andThen(Effect.never)
          )
      }
    })
  )
}

const opened = (sessionId: string, row: OpenedRow): OpenedSession => ({
  sessionId,
  deviceNo: row.device_no,
  lastSeq: Number(row.last_seq),
  lastRecordedAt: row.last_recorded_at?.getTime(),
  replacedSessionId: row.replaced_session_id ?? undefined,
  deviceMarker:
    row.marker_recorded_at === null ||
    row.marker_received_at === null ||
    row.marker_lat === null ||
    row.marker_lng === null
      ? undefined
      : {
          recordedAt: row.marker_recorded_at.getTime(),
          receivedAt: row.marker_received_at.getTime(),
          latE7: Math.round(row.marker_lat * 1e7),
          lngE7: Math.round(row.marker_lng * 1e7)
        },
  driverMarker: row.driver_marker === null ? undefined : markerOf(row.driver_marker),
  driverName: row.driver_name,
  duty: row.duty ?? undefined,
  dutyChanges: (row.duty_changes ?? []).map((change) => ({ occurredAt: change.occurred_at, duty: change.duty }))
})

const scaled = (value: number | null, factor: number): number =>
  value === null ? Number.NaN : Math.round(value * factor)

const markerOf = (json: MarkerJson): Marker => ({
  recordedAt: Date.parse(json.recorded_at),
  receivedAt: Date.parse(json.received_at),
  latE7: Math.round(json.lat * 1e7),
  lngE7: Math.round(json.lng * 1e7),
  speedCms: scaled(json.speed, 100),
  headingCdeg: scaled(json.heading, 100),
  accuracyCm: scaled(json.accuracy, 100)
})
