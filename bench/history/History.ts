import { Layer, ManagedRuntime, Redacted } from "effect"
import pg from "pg"
import { AppDatabase, DatabaseUrl, pgSettings } from "../../src/persistence/Database.ts"
import { LocationRepo } from "../../src/persistence/drivers/LocationRepo.ts"
import { MarkerRepo } from "../../src/persistence/drivers/MarkerRepo.ts"
import { type BenchOptions, scaled } from "../BenchOptions.ts"
import type { BenchStage } from "../BenchStage.ts"
import { FleetLane } from "./FleetLane.ts"
import { type IndexParents, indexParents } from "./Plan.ts"
import { arrivingAt, recordedAtOf, reportEveryMs, ticksADay } from "./Shift.ts"

const driversAtFullSize = 2_000
const lanesCount = 2
const dayMs = 86_400_000
/** Between a phone's clock and the server's. */
const underWayMs = 1_500

/** Whole UTC days of history, before today. */
export const historyDays = 10

/** The product's reads, on its own pool, as `dropmate_app`. */
const reads = (url: string) =>
  Layer.mergeAll(LocationRepo.layer, MarkerRepo.layer).pipe(
    Layer.provideMerge(AppDatabase),
    Layer.provide(Layer.succeed(DatabaseUrl, Redacted.make(url)))
  )

const runtimeOn = (url: string) => ManagedRuntime.make(reads(url))

/** Ten days of a fleet in the database, and ways to it. */
export interface History {
  readonly url: string
  /** The schema's owner. */
  readonly owner: pg.Client
  readonly runtime: ReturnType<typeof runtimeOn>
  readonly driverIds: ReadonlyArray<string>
  /** First moments of the whole days, Unix ms, oldest first. */
  readonly days: ReadonlyArray<number>
  readonly lanes: ReadonlyArray<FleetLane>
  readonly indexParents: IndexParents
  /** Rows of the whole days and of today. */
  readonly rows: number
  /** From the first row to the last one's commit. */
  readonly loadS: number
  readonly close: () => Promise<void>
}

const loadDay = async (lane: FleetLane, day: number, startMs: number, untilMs: number): Promise<void> => {
  for (let tick = 0; tick < ticksADay && startMs + (tick + 1) * reportEveryMs < untilMs; tick++) {
    for (const phone of lane.phones) {
      const [from, until] = arrivingAt(phone.number, day, tick)
      const receivedAt = recordedAtOf(startMs, phone.number, tick) + underWayMs
      for (let of = from; of < until; of++) await lane.add(phone, recordedAtOf(startMs, phone.number, of), receivedAt)
    }
  }
  await lane.commit()
}

const emptyDays = async (stage: BenchStage, owner: pg.Client): Promise<void> => {
  await stage.database.reset()
  await owner.query("TRUNCATE driver_location_hours, roll_up_marks")
  await owner.query(
    "SELECT ensure_telemetry_day((now() AT TIME ZONE 'UTC')::date - $1::integer + n) FROM generate_series(0, $1 + 1) AS n",
    [historyDays]
  )
}

const lanesOf = async (stage: BenchStage, driverIds: ReadonlyArray<string>): Promise<ReadonlyArray<FleetLane>> => {
  const sessions = await stage.database.openSessions(await stage.database.driversOf(driverIds.length))
  const numbered = sessions.map((session) => [driverIds.indexOf(session.driverId), session] as const)
  await stage.database.analyze()
  return Promise.all(
    Array.from({ length: Math.min(lanesCount, driverIds.length) }, (_, lane) =>
      FleetLane.connect(
        stage.plan.databaseUrl,
        `bench-history-${lane}`,
        numbered.filter(([number]) => number % lanesCount === lane)
      )
    )
  )
}

/**
 * Loads ten whole days and today of a fleet in the order of arrival, by the product's own transaction, then does what
 * autovacuum would have done by the time anybody asks: statistics, visibility, summaries of the BRIN.
 */
export const loadHistory = async (stage: BenchStage, options: BenchOptions): Promise<History> => {
  const url = stage.plan.databaseUrl
  const owner = new pg.Client(pgSettings(Redacted.make(url), "bench-history"))
  await owner.connect()
  await emptyDays(stage, owner)
  const drivers = await stage.database.driversOf(scaled(options, driversAtFullSize))
  const driverIds = drivers.map(({ driverId }) => driverId)
  const lanes = await lanesOf(stage, driverIds)
  const todayMs = Math.floor(Date.now() / dayMs) * dayMs
  const days = Array.from({ length: historyDays }, (_, day) => todayMs - (historyDays - day) * dayMs)
  const beganMs = performance.now()
  for (const [day, startMs] of [...days, todayMs].entries()) {
    options.signal.throwIfAborted()
    await Promise.all(lanes.map((lane) => loadDay(lane, day, startMs, Date.now())))
    options.tell(`history: day ${day} loaded, ${lanes.reduce((sum, { rows }) => sum + rows, 0)} rows`)
  }
  const loadS = (performance.now() - beganMs) / 1_000
  await owner.query("VACUUM (ANALYZE) driver_location_events, driver_ingest_cursors, drivers, users")
  await owner.query("CHECKPOINT")
  const runtime = runtimeOn(url)
  const close = async (): Promise<void> => {
    await Promise.all(lanes.map((lane) => lane.close()))
    await runtime.dispose()
    await owner.end()
  }
  const rows = lanes.reduce((sum, lane) => sum + lane.rows, 0)
  const parents = await indexParents(owner)
  return { url, owner, runtime, driverIds, days, lanes, indexParents: parents, rows, loadS, close }
}
