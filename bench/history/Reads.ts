import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import { boxAround } from "../../src/domain/GeoBox.ts"
import { LocationRepo } from "../../src/persistence/drivers/LocationRepo.ts"
import { MarkerRepo } from "../../src/persistence/drivers/MarkerRepo.ts"
import { inRowScope, type RowScope } from "../../src/persistence/RowScope.ts"
import type { BenchOptions } from "../BenchOptions.ts"
import { type Figure, figure, medianOf, type Target } from "../Figure.ts"
import type { History } from "./History.ts"
import { blocksOf, explained, type IndexParents, indexesOf, type Plan, tablesOf, WrongPlan } from "./Plan.ts"
import { arrivingAt, recordedAtOf, town } from "./Shift.ts"

const hourMs = 3_600_000
const asDispatcher: RowScope = { roles: ["dispatcher"] }
/** Bars of a page that a person waits for. */
const target: Target = { most: 50, beyond: 10 }
const readsARun = 200

type Reads = LocationRepo | MarkerRepo | SqlClient.SqlClient

/** One of the product's reads: how it is asked, how many rows it answers, and what its plan must look like. */
interface Read {
  readonly id: string
  readonly what: string
  readonly ask: (history: History, n: number) => Effect.Effect<number, unknown, Reads>
  readonly check: (plan: Plan, parents: IndexParents) => void
}

const pointsIndex = "driver_location_events_point"
const isPartition = (table: string): boolean => /^driver_location_events_\d{8}$/.test(table)

/** An hour in which the n-th driver that is asked for was on a tour. */
const hourOnTour = (history: History, n: number): { readonly driverId: string; readonly from: Date } => {
  const number = (n * 7_919) % history.driverIds.length
  const day = n % history.days.length
  let tick = 0
  while (arrivingAt(number, day, tick)[1] <= tick) tick++
  const from = new Date(recordedAtOf(history.days[day] as number, number, tick))
  return { driverId: history.driverIds[number] as string, from }
}

const trail: Read = {
  id: "history.trail",
  what: "one driver's trail of an hour, through the view with row security, as a dispatcher",
  ask: (history, n) =>
    Effect.gen(function* () {
      const locations = yield* LocationRepo
      const { driverId, from } = hourOnTour(history, n)
      const to = new Date(from.getTime() + hourMs - 1)
      const range = { driverId, from, to, after: undefined, limit: 1_001 }
      return (yield* inRowScope(asDispatcher, locations.trail(range), "each_time")).length
    }),
  check: (plan, parents) => {
    const read = tablesOf(plan).filter(isPartition)
    if (read.length === 1 && indexesOf(plan, parents).includes(pointsIndex)) return
    throw new WrongPlan("trail", `one partition by ${pointsIndex}`, plan)
  }
}

/** Places are read from the cursors of the devices, whatever history there is. */
const fromCursors =
  (what: string) =>
  (plan: Plan): void => {
    const read = tablesOf(plan)
    if (read.includes("driver_ingest_cursors") && !read.some(isPartition)) return
    throw new WrongPlan(what, "driver_ingest_cursors and no partition", plan)
  }

const latest: Read = {
  id: "history.latest",
  what: "the newest place of every driver",
  ask: (history) =>
    Effect.gen(function* () {
      return (yield* (yield* MarkerRepo).latest(history.driverIds)).size
    }),
  check: fromCursors("latest")
}

const nearby: Read = {
  id: "history.nearby",
  what: "the 50 nearest drivers within 2 km, as a dispatcher",
  ask: () =>
    Effect.gen(function* () {
      const locations = yield* LocationRepo
      const radiusM = 2_000
      const box = boxAround(town.lat, town.lng, radiusM)
      const query = { ...town, radiusM, box, recordedAfter: undefined, limit: 51 }
      return (yield* inRowScope(asDispatcher, locations.near(query), "each_time")).length
    }),
  check: fromCursors("nearby")
}

const reads = { trail, latest, nearby }

const timed = async (history: History, read: Read, run: number) => {
  const times: Array<number> = []
  let rows = 0
  for (let i = 0; i < readsARun; i++) {
    const beganMs = performance.now()
    rows += await history.runtime.runPromise(read.ask(history, run * readsARun + i))
    times.push(performance.now() - beganMs)
  }
  const sorted = times.sort((a, b) => a - b)
  return {
    p50Ms: medianOf(times),
    p99Ms: sorted[Math.floor(sorted.length * 0.99)] as number,
    rows: rows / readsARun
  }
}

/** Times one of the reads after its plan was looked at. Rejects with WrongPlan when that is not what it should be. */
const measure =
  (read: Read) =>
  async (history: History, options: BenchOptions): Promise<ReadonlyArray<Figure>> => {
    const plans = await history.runtime.runPromise(explained(read.ask(history, 1)))
    // The settings of the row scope are statements too; the read is the one that looks at a table.
    const plan = plans.find((each) => tablesOf(each).length > 0)
    if (plan === undefined) throw new WrongPlan(read.id, "a read of some table", { Plan: { "Node Type": "none" } })
    read.check(plan, history.indexParents)
    const runs = []
    for (let run = 0; run < options.runs; run++) runs.push(await timed(history, read, run))
    const context = {
      rowsInAll: history.rows,
      rows: medianOf(runs.map(({ rows }) => rows)),
      p99Ms: medianOf(runs.map(({ p99Ms }) => p99Ms)),
      tables: tablesOf(plan).join(" "),
      indexes: indexesOf(plan, history.indexParents).join(" "),
      ...blocksOf(plan)
    }
    options.tell(`${read.id}: ${JSON.stringify(context)}`)
    return [figure({ id: read.id, what: read.what, unit: "ms", runs: runs.map(({ p50Ms }) => p50Ms), target, context })]
  }

/** The product's own reads by the name of their scenario. */
export const readScenarios = {
  trail: measure(reads.trail),
  latest: measure(reads.latest),
  nearby: measure(reads.nearby)
}
