import { Redacted } from "effect"
import pg from "pg"
import { pgSettings } from "../../src/persistence/Database.ts"
import { type BenchOptions, scaled } from "../BenchOptions.ts"
import { type Figure, figure, medianOf } from "../Figure.ts"
import type { History } from "./History.ts"
import { explainedInside, indexesOf, type Plan, scannedOf, tablesOf, WrongPlan } from "./Plan.ts"

const hourMs = 3_600_000
/** An hour (UTC) in which most drivers are on their morning's tour. */
const busyHour = 9
const freshRows = 10_000

const timeIndex = "driver_location_events_recorded"
const isPartition = (table: string): boolean => /^driver_location_events_\d{8}$/.test(table)

/** A session of the role that rolls up; a superuser's underneath, so that what happens inside functions can be explained. */
const asJobs = async <A>(history: History, work: (client: pg.Client) => Promise<A>): Promise<A> => {
  const client = new pg.Client(pgSettings(Redacted.make(history.url), "bench-roll-up"))
  await client.connect()
  try {
    await client.query("SET ROLE dropmate_jobs")
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Plans of what a call does inside its function. Calling it again changes nothing: what was rolled up is left as it is. */
const plansOf = (history: History, call: string, values: ReadonlyArray<unknown>): Promise<ReadonlyArray<Plan>> =>
  asJobs(history, async (client) => {
    await client.query("RESET ROLE")
    return explainedInside(client, async () => {
      await client.query("SET ROLE dropmate_jobs")
      await client.query(call, [...values])
      await client.query("RESET ROLE")
    })
  })

/** Plans that read points; at least one is wanted. */
const readingPoints = (what: string, plans: ReadonlyArray<Plan>): ReadonlyArray<Plan> => {
  const reading = plans.filter((plan) => tablesOf(plan).some(isPartition))
  if (reading.length > 0) return reading
  throw new WrongPlan(what, "a statement that reads points", plans[0] ?? { Plan: { "Node Type": "none" } })
}

const timed = async (client: pg.Client, call: string, values: ReadonlyArray<unknown>) => {
  const beganMs = performance.now()
  const { rows } = await client.query<{ made: number }>(call, [...values])
  return { ms: performance.now() - beganMs, made: rows[0]?.made ?? 0 }
}

const callOfHour = "SELECT roll_up_hours($1, $2) AS made"

const hourOf = (history: History, run: number): readonly [Date, Date] => {
  const startMs = (history.days.at(-1 - (run % history.days.length)) as number) + busyHour * hourMs
  return [new Date(startMs), new Date(startMs + hourMs)]
}

const pointsOfHour = async (history: History): Promise<number> => {
  const { rows } = await history.owner.query<{ n: string }>(
    "SELECT count(*) AS n FROM driver_location_events WHERE recorded_at >= $1 AND recorded_at < $2",
    [...hourOf(history, 0)]
  )
  return Number(rows[0]?.n)
}

/** One busy hour of all drivers, made for the first time. Rejects with WrongPlan unless one partition was read, by its BRIN. */
export const rollUpHour = async (history: History, options: BenchOptions): Promise<ReadonlyArray<Figure>> => {
  const runs = []
  for (let run = 0; run < options.runs; run++) {
    // A connection of its own: the first call of a session plans anew.
    runs.push(await asJobs(history, (client) => timed(client, callOfHour, hourOf(history, run))))
  }
  const plans = readingPoints("roll_up_hours", await plansOf(history, callOfHour, hourOf(history, 0)))
  const [plan] = plans as readonly [Plan]
  // A scan is right for a day of a few megabytes.
  const isScanned = options.scale === 1 && scannedOf(plan).some(isPartition)
  if (plans.length !== 1 || tablesOf(plan).filter(isPartition).length !== 1 || isScanned) {
    throw new WrongPlan("roll_up_hours", `one partition by ${timeIndex}`, plan)
  }
  const context = {
    rowsInAll: history.rows,
    points: await pointsOfHour(history),
    hoursMade: medianOf(runs.map(({ made }) => made)),
    indexes: indexesOf(plan, history.indexParents).join(" "),
    tables: tablesOf(plan).join(" ")
  }
  options.tell(`history.hour: ${JSON.stringify(context)}`)
  const what = "roll-up of one busy hour of all drivers"
  const target = { most: 1_000, beyond: 500 }
  return [figure({ id: "history.hour", what, unit: "ms", runs: runs.map(({ ms }) => ms), target, context })]
}

/** Five points of each driver that arrive now; those of every twentieth driver were recorded three hours ago. */
const arrive = async (history: History, rows: number): Promise<void> => {
  const now = Date.now()
  const phones = history.lanes.flatMap((lane) => lane.phones.map((phone) => [lane, phone] as const))
  for (let i = 0; i < rows; i++) {
    const [lane, phone] = phones[i % phones.length] as (typeof phones)[number]
    const takenMs = now - 10_000 + Math.floor(i / phones.length) * 1_000
    await lane.add(phone, phone.number % 20 === 0 ? takenMs - 3 * hourMs : takenMs, now)
  }
  for (const lane of history.lanes) await lane.commit()
}

const callOfArrivals = "SELECT roll_up_arrivals() AS made"

/** What arrived since the last call, after a first call that has days to catch up with. Rejects with WrongPlan when a day was read from end to end. */
export const rollUpArrivals = async (history: History, options: BenchOptions): Promise<ReadonlyArray<Figure>> => {
  const first = await asJobs(history, (client) => timed(client, callOfArrivals, []))
  options.tell(`history.catch-up: ${first.made} hours of drivers in ${Math.round(first.ms)} ms`)
  const rows = scaled(options, freshRows)
  const runs = []
  for (let run = 0; run < options.runs; run++) {
    await arrive(history, rows)
    runs.push(await asJobs(history, (client) => timed(client, callOfArrivals, [])))
  }
  const plans = readingPoints("roll_up_arrivals", await plansOf(history, callOfArrivals, []))
  const whole = plans.find((plan) => options.scale === 1 && scannedOf(plan).some(isPartition))
  if (whole !== undefined) throw new WrongPlan("roll_up_arrivals", timeIndex, whole)
  const context = {
    rowsInAll: history.rows,
    newRows: rows,
    hoursMade: medianOf(runs.map(({ made }) => made)),
    indexes: [...new Set(plans.flatMap((plan) => indexesOf(plan, history.indexParents)))].join(" ")
  }
  options.tell(`history.arrivals: ${JSON.stringify(context)}`)
  const target = { most: 1_000, beyond: 500 }
  return [
    figure({
      id: "history.arrivals",
      what: "roll-up of 10,000 points that arrived since the last one",
      unit: "ms",
      runs: runs.map(({ ms }) => ms),
      target,
      context
    }),
    figure({
      id: "history.catch-up",
      what: "roll-up of four days of which nothing was rolled up",
      unit: "ms",
      runs: [first.ms],
      context: { rowsInAll: history.rows, hoursMade: first.made }
    })
  ]
}
