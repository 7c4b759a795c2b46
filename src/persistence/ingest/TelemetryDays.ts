import { Effect } from "effect"
import type { ConnectionLost, IngestConnection, StatementRefused } from "./IngestConnection.ts"

const dayMs = 86_400_000

/** `YYYY-MM-DD` of a UTC day counted from 1970. */
export const dayName = (day: number): string => new Date(day * dayMs).toISOString().slice(0, 10)

/** The UTC day of a time, counted from 1970. */
export const dayOf = (unixMs: number): number => Math.floor(unixMs / dayMs)

/**
 * The days whose partitions are known to exist, shared by the lanes of a node. A batch asks before it begins; only a day that
 * nobody has asked for yet costs a statement. Retention drops days that no accepted point can reach, so what is known
 * stays true; if someone drops a live day by hand, `forget` follows from the failing COPY.
 */
export class TelemetryDays {
  private readonly known = new Set<number>()
  private readonly onMade: (day: string) => void

  /** `onMade` hears of each partition that had to be made on the spot: the job that makes them ahead has failed. */
  constructor(onMade: (day: string) => void) {
    this.onMade = onMade
  }

  /** Makes sure that each day has its partition. */
  ensure(days: Iterable<number>, connection: IngestConnection): Effect.Effect<void, StatementRefused | ConnectionLost> {
    const missing = [...days].filter((day) => !this.known.has(day))
    if (missing.length === 0) return Effect.void
    return Effect.forEach(missing, (day) => this.make(day, connection), { discard: true })
  }

  private make(day: number, connection: IngestConnection): Effect.Effect<void, StatementRefused | ConnectionLost> {
    return connection
      .query<{ readonly made: boolean }>("SELECT ensure_telemetry_day($1::date) AS made", [dayName(day)])
      .pipe(
        Effect.map(([row]) => {
          this.known.add(day)
          if (row?.made === true) this.onMade(dayName(day))
        })
      )
  }

  /** Notes days that another part of the program has made. */
  remember(day: number): void {
    this.known.add(day)
  }

  /** A COPY found a partition missing: ask again for all. */
  forget(): void {
    this.known.clear()
  }
}
