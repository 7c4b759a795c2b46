import pg from "pg"
import { expect, it } from "vitest"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { dailySummaryConsumer } from "../../src/jobs/DailySummary.ts"
import { Courier, LogFollower } from "../kit/Courier.ts"
import { foldProblems } from "../kit/FoldedShipments.ts"
import { expectKnownEvents } from "../kit/KnownEvents.ts"
import { promiseSeed, promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { until } from "../kit/Until.ts"

const kills = promiseSize({ ci: 4, nightly: 100 })
const deliveries = promiseSize({ ci: 40, nightly: 1_000 })
const couriers = 8

/** How log, outbox, public log and consumers stand to each other; every number but `events` should be 0. */
const differences = `SELECT
  (SELECT count(*) FROM shipment_events)::integer AS events,
  (SELECT count(*) FROM shipment_events e FULL JOIN outbox o ON o.event_id = e.id
    WHERE e.id IS NULL OR o.id IS NULL OR (o.order_id, o.event_no, o.type) <> (e.order_id, e.event_no, e.type))::integer AS unlike,
  (SELECT count(*) FROM (SELECT event_id FROM outbox GROUP BY 1 HAVING count(*) > 1) AS twice)::integer AS twice,
  (SELECT count(*) FROM outbox WHERE published_no IS NULL)::integer AS unpublished,
  (SELECT count(*) FROM outbox WHERE settled_at IS NULL)::integer AS unsettled,
  (SELECT count(*) FROM (SELECT published_no <> row_number() OVER (ORDER BY published_no) AS hole FROM outbox) AS numbers
    WHERE hole)::integer AS holes,
  (SELECT count(*) FROM (SELECT published_no < lag(published_no) OVER (PARTITION BY order_id ORDER BY event_no) AS overtaken FROM outbox)
    AS pairs WHERE overtaken)::integer AS overtaken,
  (SELECT count(*) FROM (SELECT order_id, max(event_no) AS last FROM outbox WHERE type = ANY ($1) GROUP BY 1) AS wanted
    LEFT JOIN event_positions p ON p.order_id = wanted.order_id AND p.consumer = $2
    WHERE p.event_no IS DISTINCT FROM wanted.last)::integer AS behind,
  (SELECT count(*) FROM background_jobs WHERE status <> 'succeeded')::integer AS jobs_failed`

interface Differences {
  readonly events: number
  readonly unpublished: number
  readonly unsettled: number
}

/** Kills and starts again at seeded distances from the last thing that was answered, while `steps` rise. */
const killAlong = async (
  server: ServerProcess,
  random: SeededRandom,
  steps: () => number,
  isOver: () => boolean
): Promise<number> => {
  // A delivery has some ten steps; kills are spread over all of them.
  const stepsEach = Math.floor((deliveries * 9) / (kills + 1))
  for (let killed = 0; ; killed++) {
    if (killed === kills || isOver()) return killed
    const killAt = steps() + 1 + random.below(2 * stepsEach)
    await until("the steps before the kill", steps, (done) => done >= killAt || isOver(), 120_000)
    // Anywhere in what comes after the answer, not only right behind it.
    const pauseUntil = performance.now() + random.below(20)
    await until(
      "the moment",
      () => performance.now(),
      (now) => now >= pauseUntil
    )
    await server.kill9()
    await server.startAgain()
  }
}

/** How things stand once everything that follows has happened, and what the public log holds then. */
const settledLog = async (databaseUrl: string) => {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const standing = async () =>
      (await client.query<Differences>(differences, [dailySummaryConsumer.types, dailySummaryConsumer.name])).rows[0]
    const beganAt = performance.now()
    const found = await until(
      "the end of everything that follows",
      standing,
      (seen) => seen?.unpublished === 0 && seen.unsettled === 0,
      90_000
    )
    const settledMs = Math.round(performance.now() - beganAt)
    const { rows } = await client.query<{ id: string }>("SELECT event_id AS id FROM outbox ORDER BY published_no")
    return { found, settledMs, ids: rows.map(({ id }) => `evt_${id}`) }
  } finally {
    await client.end()
  }
}

it("P09: state, timeline, outbox and the public log agree, though the server is killed between any two steps", {
  timeout: 120_000 + kills * 15_000 + deliveries * 2_000
}, async () => {
  const seed = promiseSeed()
  const random = new SeededRandom(seed)
  const { databaseUrl, environment } = await serverServices()
  const server = await ServerProcess.start(environment)
  let steps = 0
  const stepped = (): void => void steps++
  const hired = await Promise.all(
    Array.from({ length: couriers }, (_, index) => Courier.hire(server, new SeededRandom(seed + index + 1), stepped))
  )
  const follower = await LogFollower.open(server.url)
  let begun = 0
  let isOver = false
  const worked = Promise.all(
    hired.map(async (courier) => {
      while (begun++ < deliveries) await courier.deliver()
    })
  ).finally(() => {
    isOver = true
  })
  const [killed] = await Promise.all([
    killAlong(
      server,
      random,
      () => steps,
      () => isOver
    ),
    worked
  ])
  const { found, settledMs, ids } = await settledLog(databaseUrl)
  await until(
    "the follower at the log's end",
    () => follower.pulled.length,
    (pulled) => pulled >= ids.length,
    30_000
  )
  await follower.stop()
  await Promise.all(hired.map((courier) => courier.retire()))
  const endings: Record<string, number> = {}
  for (const courier of hired)
    for (const [ending, count] of Object.entries(courier.endings)) endings[ending] = (endings[ending] ?? 0) + count
  const problems = await foldProblems(databaseUrl)
  reportPromise("P09", {
    seed,
    kills: killed,
    deliveries,
    couriers,
    endings,
    ...found,
    settledMs,
    problems: problems.length
  })
  expect(problems).toEqual([])
  expect(found).toEqual({
    events: ids.length,
    unlike: 0,
    twice: 0,
    unpublished: 0,
    unsettled: 0,
    holes: 0,
    overtaken: 0,
    behind: 0,
    jobs_failed: 0
  })
  expect(follower.pulled.map(({ id }) => id)).toEqual(ids)
  await expectKnownEvents(databaseUrl)
})
