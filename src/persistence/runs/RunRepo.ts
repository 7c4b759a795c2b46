import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import type { RunShipment, RunStatus } from "../../domain/Run.ts"
import type { RunStop } from "../../domain/RunSequence.ts"
import type { ShipmentStatus } from "../../domain/Shipment.ts"
import type { StopStatus, StopType } from "../../domain/Stop.ts"
import { theRow, theRowAt } from "../RowAbsent.ts"
import { makeRunGivings } from "./RunGivings.ts"
import { makeRunReading } from "./RunReading.ts"
import { makeRunWrites } from "./RunWrites.ts"

/** The driver is on another run, and can be on one at a time. Retry: when that one is over. */
export class DriverHasRun extends Schema.TaggedError<DriverHasRun>()("DriverHasRun", { driverId: Schema.String }) {}

/** A run as lists show it. */
export interface RunRow {
  readonly id: string
  readonly driver_id: string | null
  readonly vehicle_id: string | null
  readonly status: RunStatus
  readonly name: string | null
  readonly planned_start_at: Date | null
  readonly started_at: Date | null
  readonly ended_at: Date | null
  readonly version: number
  readonly created_at: Date
  readonly updated_at: Date
  readonly shipment_count: number
  readonly stop_count: number
  /** Stops where something is still to happen. */
  readonly stops_left: number
}

/** One stop of a run. */
export interface RunStopRow {
  readonly id: string
  readonly shipment_id: string | null
  readonly stop_type: StopType
  readonly position: number
  readonly status: StopStatus
  readonly lat: number
  readonly lng: number
  readonly address: string | null
  readonly window_start: Date | null
  readonly window_end: Date | null
  /** Of a break. */
  readonly duration_s: number | null
  readonly arrived_at: Date | null
  readonly ended_at: Date | null
}

/** A shipment of a run, with who carries it or brings it back. */
export interface RunShipmentRow {
  readonly shipment_id: string
  readonly status: ShipmentStatus
  readonly holder_id: string | null
}

/** A run to begin. */
export interface NewRun {
  readonly id: string
  readonly driverId: string | null
  readonly vehicleId: string | null
  readonly name: string | null
  readonly plannedStartAt: Date | null
}

/** What may be changed of a run besides its stops; a key that is absent stays as it is. */
export interface RunChange {
  readonly driver_id?: string | null
  readonly vehicle_id?: string | null
  readonly name?: string | null
  readonly planned_start_at?: Date | null
}

/** A break to make. */
export interface NewBreak {
  readonly id: string
  readonly lat: number
  readonly lng: number
  readonly address: string | null
  readonly durationS: number
}

/** Which runs to list. */
export interface RunFilter {
  readonly status?: RunStatus | undefined
  readonly driverId?: string | undefined
  readonly beforeId?: string | undefined
  readonly limit: number
}

/** A stop as the domain judges it. */
export const runStopOf = (row: RunStopRow): RunStop => ({
  stopId: row.id,
  shipmentId: row.shipment_id ?? undefined,
  type: row.stop_type,
  status: row.status
})

/** A shipment as the domain judges it. */
export const runShipmentOf = (row: RunShipmentRow): RunShipment => ({
  shipmentId: row.shipment_id,
  status: row.status,
  holderId: row.holder_id ?? undefined
})

const isSecondRun = (error: unknown): boolean =>
  typeof error === "object" &&
  error !== null &&
  "reason" in error &&
  typeof error.reason === "object" &&
  error.reason !== null &&
  "constraint" in error.reason &&
  error.reason.constraint === "delivery_runs_active"

/** Turns the violation of "one run at a time" into DriverHasRun; other errors pass. */
export const orDriverHasRun =
  (driverId: string | undefined) =>
  <A, E, R>(
    effect: Effect.Effect<A, E | SqlError.SqlError, R>
  ): Effect.Effect<A, E | SqlError.SqlError | DriverHasRun, R> =>
    Effect.mapError(effect, (error) => (isSecondRun(error) ? new DriverHasRun({ driverId: driverId ?? "" }) : error))

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = sql`r.id, r.driver_id, r.vehicle_id, r.status, r.name, r.planned_start_at, r.started_at, r.ended_at,
    r.version::integer AS version, r.created_at, r.updated_at,
    (SELECT count(DISTINCT p.shipment_id)::integer FROM route_stops p WHERE p.run_id = r.id) AS shipment_count,
    (SELECT count(*)::integer FROM route_stops p WHERE p.run_id = r.id) AS stop_count,
    (SELECT count(*)::integer FROM route_stops p WHERE p.run_id = r.id AND p.status IN ('planned', 'en_route', 'arrived')) AS stops_left`

  const get = Effect.fn("RunRepo.get")(function* (id: string) {
    const rows = yield* sql<RunRow>`SELECT ${columns} FROM delivery_runs r WHERE r.id = ${id}`
    return yield* theRow("run", id, rows)
  })

  const list = Effect.fn("RunRepo.list")(function* (filter: RunFilter) {
    return yield* sql<RunRow>`SELECT ${columns} FROM delivery_runs r
      WHERE (${filter.status ?? null}::delivery_run_status IS NULL OR r.status = ${filter.status ?? null}::delivery_run_status)
        AND (${filter.driverId ?? null}::uuid IS NULL OR r.driver_id = ${filter.driverId ?? null}::uuid)
        AND (${filter.beforeId ?? null}::uuid IS NULL OR r.id < ${filter.beforeId ?? null}::uuid)
      ORDER BY r.id DESC LIMIT ${filter.limit}`
  })

  const insert = Effect.fn("RunRepo.insert")(function* (run: NewRun) {
    yield* sql`INSERT INTO delivery_runs (id, driver_id, vehicle_id, name, planned_start_at)
      VALUES (${run.id}, ${run.driverId}, ${run.vehicleId}, ${run.name}, ${run.plannedStartAt})`
  })

  /** The run's own row for the transaction, at the version that the caller expects (undefined: any). After its shipments' rows. */
  const lockRow = Effect.fn("RunRepo.lockRow")(function* (id: string, expectedVersion: number | undefined) {
    const rows = yield* sql<{
      readonly status: RunStatus
      readonly driver_id: string | null
      readonly version: number
    }>`SELECT status, driver_id, version::integer AS version FROM delivery_runs WHERE id = ${id} FOR UPDATE`
    return yield* theRowAt("run", id, expectedVersion, rows)
  })

  return {
    get,
    list,
    insert,
    lockRow,
    ...(yield* makeRunReading),
    ...(yield* makeRunWrites),
    ...(yield* makeRunGivings)
  }
})

/** Keeps runs and the order of their stops. */
export class RunRepo extends Context.Service<RunRepo>()("dropmate/persistence/runs/RunRepo", { make }) {
  static readonly layer = Layer.effect(this, this.make)
}
