import { Effect, Layer, type Redacted } from "effect"
import pg from "pg"
import { AccessTokens } from "../src/identity/AccessTokens.ts"
import { Secret } from "../src/identity/Secret.ts"
import { pgSettings } from "../src/persistence/Database.ts"
import { newIds } from "../src/persistence/NewId.ts"

/** A driver of the bench and a token that the server accepts. */
export interface BenchDriver {
  readonly driverId: string
  readonly token: string
}

/** A device's session as HELLO would have opened it. */
export interface BenchSession {
  readonly driverId: string
  readonly deviceNo: number
  readonly sessionId: string
}

/** Rows and acknowledgements do not agree: whatever was measured is worth nothing. */
export class GateFailed extends Error {
  readonly _tag = "GateFailed"
  constructor(contestant: string, counts: Readonly<Record<string, number>>) {
    const text = Object.entries(counts).map(([name, count]) => `${name} ${count}`)
    super(`${contestant}: the database and the acknowledgements do not agree: ${text.join(", ")}`)
  }
}

/** What the database holds after a run. */
export interface Ledger {
  readonly rows: number
  readonly quarantined: number
  readonly cursorSum: number
}

const tokenTtlS = 86_400
const dayMs = 86_400_000

/** The bench's own view of the database, as the owner of the schema. */
export class BenchDatabase {
  private readonly client: pg.Client
  private readonly secret: Redacted.Redacted
  private drivers: Array<BenchDriver> = []

  private constructor(client: pg.Client, secret: Redacted.Redacted) {
    this.client = client
    this.secret = secret
  }

  static async connect(url: Redacted.Redacted, secret: Redacted.Redacted): Promise<BenchDatabase> {
    const client = new pg.Client(pgSettings(url, "dropmate-bench"))
    await client.connect()
    return new BenchDatabase(client, secret)
  }

  async close(): Promise<void> {
    await this.client.end()
  }

  /** `count` drivers with tokens; made once, then the same ones again. */
  async driversOf(count: number): Promise<ReadonlyArray<BenchDriver>> {
    if (this.drivers.length < count) this.drivers.push(...(await this.makeDrivers(count - this.drivers.length)))
    return this.drivers.slice(0, count)
  }

  private async makeDrivers(count: number): Promise<ReadonlyArray<BenchDriver>> {
    const secret = Secret.layer(this.secret)
    const made = await Effect.runPromise(
      Effect.gen(function* () {
        const tokens = yield* AccessTokens
        const [users, drivers, sessions] = yield* Effect.all([newIds(count), newIds(count), newIds(count)])
        return yield* Effect.forEach(users, (userId, i) => {
          const driverId = drivers[i] as string
          const subject = { userId, sessionId: sessions[i] as string, roles: ["driver" as const], driverId }
          return Effect.map(tokens.issue(subject, tokenTtlS), ({ token }) => ({ userId, driverId, token }))
        })
      }).pipe(Effect.provide(AccessTokens.layer.pipe(Layer.provide(secret))))
    )
    await this.client.query(
      "INSERT INTO users (id, email, name, role) SELECT id, id || '@bench.invalid', 'Driver', 'driver' FROM unnest($1::uuid[]) AS t(id)",
      [made.map((driver) => driver.userId)]
    )
    await this.client.query("INSERT INTO drivers (id, user_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])", [
      made.map((driver) => driver.driverId),
      made.map((driver) => driver.userId)
    ])
    return made
  }

  /** Empties what a run fills, so that each contestant meets the same tables; a checkpoint keeps the last run's writes out of the next. */
  async reset(): Promise<void> {
    await this.client.query(
      "TRUNCATE driver_location_events, telemetry_quarantine, driver_ingest_cursors, driver_sessions, driver_devices CASCADE"
    )
    for (const day of [-1, 0, 1]) {
      await this.client.query("SELECT ensure_telemetry_day($1::date)", [
        new Date(Date.now() + day * dayMs).toISOString().slice(0, 10)
      ])
    }
    await this.client.query("CHECKPOINT")
  }

  /** Fresh statistics, so that the plan of the cursor statement is not left to when autovacuum comes by. */
  async analyze(): Promise<void> {
    await this.client.query("ANALYZE driver_ingest_cursors")
  }

  /** Opens a session for each driver by the function that HELLO calls. */
  async openSessions(drivers: ReadonlyArray<BenchDriver>): Promise<ReadonlyArray<BenchSession>> {
    const ids = await Effect.runPromise(newIds(drivers.length * 2))
    const { rows } = await this.client.query<{ driver_id: string; session_id: string; device_no: number }>(
      `SELECT d.driver_id, d.session_id, s.device_no
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS d(driver_id, device_id, session_id),
     LATERAL open_driver_session(d.driver_id, 'bench', 'android', 'bench', '{}', NULL, 'bench', d.device_id, d.session_id, 20) AS s`,
      [drivers.map((driver) => driver.driverId), ids.slice(0, drivers.length), ids.slice(drivers.length)]
    )
    return rows.map((row) => ({ driverId: row.driver_id, deviceNo: row.device_no, sessionId: row.session_id }))
  }

  async ledger(): Promise<Ledger> {
    const { rows } = await this.client.query<Record<keyof Ledger, string>>(
      `SELECT (SELECT count(*) FROM driver_location_events) AS rows,
              (SELECT count(*) FROM telemetry_quarantine) AS quarantined,
              (SELECT coalesce(sum(last_seq), 0) FROM driver_ingest_cursors) AS "cursorSum"`
    )
    const row = rows[0]
    return { rows: Number(row?.rows), quarantined: Number(row?.quarantined), cursorSum: Number(row?.cursorSum) }
  }

  /**
   * The gate after every run, once everything sent is acknowledged: what is stored or quarantined covers every
   * acknowledgement and, for a contestant that keeps cursors, is exactly what they say.
   */
  async gate(contestant: string, acked: number, sent: number, hasCursors: boolean): Promise<Ledger> {
    const ledger = await this.ledger()
    const settled = ledger.rows + ledger.quarantined
    const isSound = settled >= acked && acked === sent && (!hasCursors || settled === ledger.cursorSum)
    if (!isSound) throw new GateFailed(contestant, { ...ledger, acked, sent })
    return ledger
  }

  async settings(): Promise<Readonly<Record<string, string>>> {
    const { rows } = await this.client.query<{ name: string; setting: string }>(
      `SELECT name, current_setting(name) AS setting FROM pg_settings
       WHERE name IN ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size', 'wal_level')`
    )
    return Object.fromEntries(rows.map((row) => [row.name, row.setting]))
  }
}
