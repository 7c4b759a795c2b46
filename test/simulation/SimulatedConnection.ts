import { Effect, Redacted } from "effect"
import type pg from "pg"
import type { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { ConnectionLost, IngestConnection, StatementRefused } from "../../src/persistence/ingest/IngestConnection.ts"
import { readIngestRequest } from "./IngestRequest.ts"
import { deviceKey, type SimulatedDatabase } from "./SimulatedDatabase.ts"
import type { VirtualTime } from "./VirtualTime.ts"

/** What goes wrong on the way to the database, as shares of its transactions. */
export interface DatabaseFaults {
  /** The connection is lost before anything arrived. */
  lostBefore: number
  /** It is lost after the commit: what came of it is unknown. */
  lostAfter: number
  /** It is lost at once, and the server commits later, if at all, holding its locks until then. */
  lostMeanwhile: number
  /** No answer comes. */
  stalled: number
  /** Refused for a reason that time mends. */
  refused: number
}

export const noFaults: DatabaseFaults = { lostBefore: 0, lostAfter: 0, lostMeanwhile: 0, stalled: 0, refused: 0 }

/** SQLSTATEs that time mends, and one that stops a lane until somebody has mended it. */
const passing = ["40001", "40P01", "53300", "57014", "42501"]

type Lost = StatementRefused | ConnectionLost
type Answer<A> = (answer: Effect.Effect<A, Lost>) => void

/** The writer's connection to the simulated database: reads the very bytes that would go to PostgreSQL, and fails as networks do. */
export class SimulatedConnection extends IngestConnection {
  private readonly database: SimulatedDatabase
  private readonly time: VirtualTime
  private readonly random: SeededRandom
  private readonly faults: DatabaseFaults
  private isUp = false
  /** Ends what waits for an answer. */
  private pending: (() => void) | undefined
  private readonly lose = (): void => {
    this.isUp = false
    this.database.connections.delete(this.lose)
    this.pending?.()
  }

  constructor(database: SimulatedDatabase, time: VirtualTime, random: SeededRandom, faults: DatabaseFaults) {
    super({ url: Redacted.make(""), name: "simulated", role: "dropmate_writer", statements: {}, connectMs: 0 })
    this.database = database
    this.time = time
    this.random = random
    this.faults = faults
  }

  override get isConnected(): boolean {
    return this.isUp
  }

  override readonly connect: Effect.Effect<void, ConnectionLost> = Effect.suspend(() =>
    this.isUp
      ? Effect.void
      : Effect.callback<void, ConnectionLost>((resume) => {
          this.time.after(this.random.between(1, 5), () => {
            if (this.database.isAway) return resume(new ConnectionLost({ message: "refused" }))
            this.isUp = true
            this.database.connections.add(this.lose)
            resume(Effect.void)
          })
        })
  )

  override pipeline(messages: ReadonlyArray<Uint8Array>): Effect.Effect<void, Lost> {
    return this.ask((answer) => {
      const request = readIngestRequest(messages)
      const keys = request.moves.map(({ driverId, deviceNo }) => deviceKey(driverId, deviceNo))
      const { random, faults, time } = this
      const draw = random.next()
      const workMs = random.between(1, 8)
      const perform = (delayMs: number, done: (outcome: StatementRefused | undefined) => void): void =>
        this.database.transact(keys, delayMs, () => this.database.ingest(request), done)
      let below = faults.lostBefore
      if (draw < below) return void time.after(workMs, this.lose)
      below += faults.lostAfter
      if (draw < below) return perform(workMs, this.lose)
      below += faults.lostMeanwhile
      if (draw < below) {
        time.after(random.between(0, 5), this.lose)
        return random.chance(0.5) ? perform(random.between(5, 1_500), () => undefined) : undefined
      }
      below += faults.stalled
      if (draw < below) return random.chance(0.5) ? perform(random.between(100, 4_000), () => undefined) : undefined
      below += faults.refused
      const sqlState = passing[random.below(passing.length)] as string
      if (draw < below) {
        const refusal = new StatementRefused({ sqlState, message: "simulated", constraint: undefined })
        return void time.after(workMs, () => answer(Effect.fail(refusal)))
      }
      perform(workMs, (outcome) => answer(outcome === undefined ? Effect.void : Effect.fail(outcome)))
    }).pipe(Effect.catchTag("StatementRefused", (error) => Effect.andThen(this.query("ROLLBACK"), Effect.fail(error))))
  }

  override query<Row extends pg.QueryResultRow>(
    sql: string,
    values: ReadonlyArray<unknown> = []
  ): Effect.Effect<ReadonlyArray<Row>, Lost> {
    return this.ask<ReadonlyArray<Row>>((answer) => {
      const { random, database } = this
      if (random.chance(this.faults.lostBefore)) return void this.time.after(random.between(0, 5), this.lose)
      const reply = (rows: unknown): void => answer(Effect.succeed(rows as ReadonlyArray<Row>))
      if (!sql.includes("FOR UPDATE OF c")) return void this.time.after(1, () => reply(this.plain(sql, values)))
      const [drivers, numbers] = values as [ReadonlyArray<string>, ReadonlyArray<number>]
      const keys = drivers.map((driver, i) => deviceKey(driver, numbers[i] as number))
      database.transact(keys, 1, () => keys.flatMap((key) => database.cursors.get(key) ?? []).map(cursorRow), reply)
    })
  }

  /** The statements of the rare paths that touch no cursor. */
  private plain(sql: string, values: ReadonlyArray<unknown>): ReadonlyArray<unknown> {
    if (sql === "ROLLBACK") return []
    if (sql.startsWith("SELECT ensure_telemetry_day")) {
      const day = Date.parse(`${String(values[0])}T00:00:00Z`) / 86_400_000
      const isMade = !this.database.days.has(day)
      this.database.days.add(day)
      return [{ made: isMade }]
    }
    throw new Error(`the simulated database does not know: ${sql}`)
  }

  override drop(): void {
    this.lose()
  }

  override readonly close: Effect.Effect<void> = Effect.sync(() => this.lose())

  /** One question at a time; a lost connection answers it. */
  private ask<A>(question: (answer: Answer<A>) => void): Effect.Effect<A, Lost> {
    return Effect.callback<A, Lost>((resume) => {
      let isOver = false
      const answer: Answer<A> = (reply) => {
        if (isOver) return
        isOver = true
        this.pending = undefined
        resume(reply)
      }
      if (!this.isUp) return answer(new ConnectionLost({ message: "connection lost" }))
      this.pending = () => answer(new ConnectionLost({ message: "connection lost" }))
      question(answer)
      return Effect.sync(() => {
        isOver = true
        this.pending = undefined
        this.lose()
      })
    })
  }
}

const cursorRow = (cursor: {
  readonly driverId: string
  readonly deviceNo: number
  readonly sessionId: string | undefined
  readonly lastSeq: number
}): object => ({
  driver_id: cursor.driverId,
  device_no: cursor.deviceNo,
  session_id: cursor.sessionId ?? null,
  last_seq: String(cursor.lastSeq)
})
