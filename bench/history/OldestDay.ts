import { Effect, Redacted } from "effect"
import { retirePartitions } from "../../src/jobs/PartitionRetention.ts"
import type { BenchOptions } from "../BenchOptions.ts"
import { type Figure, figure, medianOf } from "../Figure.ts"
import type { FleetLane } from "./FleetLane.ts"
import type { History } from "./History.ts"

/** Retention took something else than the one day whose time had come. */
export class WrongDayRetired extends Error {
  readonly _tag = "WrongDayRetired"
  constructor(wanted: string, report: unknown) {
    super(`${wanted} alone was to be dropped, but retention reports ${JSON.stringify(report)}`)
  }
}

/** Rows of one commit: a small flush, so that commits follow one another closely. */
const flushRows = 64
/** How long the writer is watched before retention begins and after it ended. */
const aroundMs = 1_000

/** Commits points of now over one lane, one flush after the other, and notes when each commit came back. */
class SteadyWriter {
  readonly commitsMs: Array<number> = []
  private isOver = false
  private readonly lane: FleetLane
  private readonly ended: Promise<void>

  constructor(lane: FleetLane) {
    this.lane = lane
    this.ended = this.write()
  }

  private async write(): Promise<void> {
    for (let n = 0; !this.isOver; n++) {
      const now = Date.now()
      for (let i = 0; i < flushRows; i++) {
        const phone = this.lane.phones[
          (n * flushRows + i) % this.lane.phones.length
        ] as (typeof this.lane.phones)[number]
        await this.lane.add(phone, now, now)
      }
      await this.lane.commit()
      this.commitsMs.push(performance.now())
    }
  }

  async stop(): Promise<void> {
    this.isOver = true
    await this.ended
  }

  /** The longest time between two commits of which at least one lies in a span. */
  longestGapMs(fromMs: number, untilMs: number): number {
    const gaps = this.commitsMs.slice(1).map((at, i) => ({ at, before: this.commitsMs[i] as number }))
    return Math.max(
      0,
      ...gaps.filter(({ at, before }) => at >= fromMs && before <= untilMs).map((g) => g.at - g.before)
    )
  }
}

const nameOf = (dayMs: number): string =>
  `driver_location_events_${new Date(dayMs).toISOString().slice(0, 10).replaceAll("-", "")}`

/** Sets the policy so that a day expired half a day ago, and the next one has half a day to go. */
const expire = async (history: History, dayMs: number): Promise<void> => {
  await history.owner.query(
    `UPDATE retention_policies SET keep = now() - ($1::timestamptz + interval '1 day') - interval '12 hours'
     WHERE table_name = 'driver_location_events'`,
    [new Date(dayMs)]
  )
}

const rowsOf = async (history: History, partition: string): Promise<number> =>
  Number((await history.owner.query<{ n: string }>(`SELECT count(*) AS n FROM ${partition}`)).rows[0]?.n)

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const retire = async (history: History, dayMs: number) => {
  const partition = nameOf(dayMs)
  const rows = await rowsOf(history, partition)
  await expire(history, dayMs)
  const writer = new SteadyWriter(history.lanes[0] as FleetLane)
  try {
    const watchedMs = performance.now()
    await pause(aroundMs)
    const beganMs = performance.now()
    const report = await Effect.runPromise(retirePartitions(Redacted.make(history.url)))
    const endedMs = performance.now()
    await pause(aroundMs)
    if (report.dropped.join() !== partition || report.kept.length > 0) throw new WrongDayRetired(partition, report)
    return {
      rows,
      tookMs: endedMs - beganMs,
      gapMs: writer.longestGapMs(beganMs, endedMs + aroundMs),
      gapBeforeMs: writer.longestGapMs(watchedMs, beganMs),
      commits: writer.commitsMs.length
    }
  } finally {
    await writer.stop()
  }
}

/** Rolls up every day that is over, as rounds do long before they drop it; answers milliseconds for each of these days. */
const close = async (history: History): Promise<{ readonly days: number; readonly msEach: number }> => {
  const beganMs = performance.now()
  const report = await Effect.runPromise(retirePartitions(Redacted.make(history.url)))
  const tookMs = performance.now() - beganMs
  if (report.dropped.length + report.kept.length > 0) throw new WrongDayRetired("nothing", report)
  const { rows } = await history.owner.query("SELECT name FROM roll_up_marks WHERE name <> 'arrivals'")
  return { days: rows.length, msEach: tookMs / rows.length }
}

/** Drops one day after the other, oldest first, while a writer commits without a pause. Rejects with WrongDayRetired. */
export const dropOldestDay = async (history: History, options: BenchOptions): Promise<ReadonlyArray<Figure>> => {
  const closed = await close(history)
  const runs = []
  for (const dayMs of history.days.slice(0, options.runs)) runs.push(await retire(history, dayMs))
  const context = {
    rowsInAll: history.rows,
    rowsOfTheDay: medianOf(runs.map(({ rows }) => rows)),
    flushRows,
    commits: medianOf(runs.map(({ commits }) => commits)),
    longestGapBeforeMs: medianOf(runs.map(({ gapBeforeMs }) => gapBeforeMs))
  }
  options.tell(`history.oldest-day: ${JSON.stringify(context)}`)
  return [
    figure({
      id: "history.close",
      what: "roll-up of a whole day that is over, once, by a round of retention days before it drops it",
      unit: "ms",
      runs: [closed.msEach],
      context: { ...context, days: closed.days }
    }),
    figure({
      id: "history.drop",
      what: "a round of retention that detaches and drops the oldest day, beside a writer",
      unit: "ms",
      runs: runs.map(({ tookMs }) => tookMs),
      target: { most: 1_000, beyond: 100 },
      context
    }),
    figure({
      id: "history.gap",
      what: "longest time between two commits of that writer meanwhile",
      unit: "ms",
      runs: runs.map(({ gapMs }) => gapMs),
      target: { most: 200, beyond: 50 },
      context
    })
  ]
}
