import { expect, it } from "vitest"
import { dropmate } from "../kit/DropmateCommand.ts"
import { promiseSeed, promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { ServerProcess } from "../kit/ServerProcess.ts"
import { until } from "../kit/Until.ts"

/** A run of `simulate`, as far as this test looks at its report. */
interface Report extends Readonly<Record<string, unknown>> {
  readonly violations: ReadonlyArray<unknown>
  readonly orders_placed: number
  readonly orders_delivered: number
  readonly reports_acknowledged: number
}

/** Figures that count a kind of thing which must have happened. */
const kinds = [
  ...["orders_of_guests", "orders_returned", "deliveries_failed", "hand_offs", "unassignments"],
  ...["cancellations_refused", "wrong_pins", "files_compared", "messages_heard", "money_refunded"]
]
/** Figures that count several kinds, each of which must have happened. */
const countsOfKinds = ["orders_by_channel", "cancelled_at", "refunds", "reassignments", "proofs", "messages"]

const tellEveryMs = 15_000

/** Passes on now and then how far a long run is. */
const progress = (): ((text: string) => void) => {
  let toldAt = performance.now()
  return (text) => {
    if (performance.now() - toldAt < tellEveryMs) return
    toldAt = performance.now()
    process.stderr.write(text.slice(0, text.indexOf("\n") + 1))
  }
}

/** What a report has none of. */
const missingIn = (report: Report): ReadonlyArray<string> => [
  ...kinds.filter((kind) => !(Number(report[kind]) > 0)),
  ...countsOfKinds.flatMap((kind) =>
    Object.entries(report[kind] ?? { none: 0 })
      .filter(([, count]) => !(Number(count) > 0))
      .map(([name]) => `${kind}: ${name}`)
  )
]

/** At the nightly size: 200 drivers and 600 orders a minute for 5 minutes, with a kill each half minute. */
const drivers = promiseSize({ ci: 20, nightly: 200 })
const ordersPerMinute = promiseSize({ ci: 90, nightly: 600 })
const durationS = promiseSize({ ci: 30, nightly: 300 })
const kills = promiseSize({ ci: 1, nightly: 10 })
/** Longer than the dispatcher looks at a parcel that does not move before it is given to another. */
const quietS = Math.max(60, promiseSize({ ci: 60, nightly: 120 }))
/** What is left for making accounts before, and for the check after. */
const besidesMs = promiseSize({ ci: 180_000, nightly: 1_800_000 })

/** Kills the server again and again while customers order; between two kills it is up for as long as after the last. */
const killWhile = async (server: ServerProcess, isRunning: () => boolean): Promise<number> => {
  const upMs = (durationS * 1_000) / (kills + 1)
  const endAt = performance.now() + durationS * 1_000
  for (let killed = 0; ; killed++) {
    const dueAt = performance.now() + upMs
    await until(
      "the next kill",
      () => performance.now(),
      (now) => !isRunning() || now >= dueAt,
      upMs * 2
    )
    if (!isRunning() || killed === kills || performance.now() >= endAt) return killed
    await server.kill9()
    await server.startAgain()
  }
}

it("orders, deliveries, stock and what everybody was told agree, though the server is killed while customers order and drivers deliver", {
  timeout: (durationS + quietS) * 1_000 + besidesMs
}, async () => {
  const seed = promiseSeed()
  const server = await ServerProcess.start()
  const args = [
    ...["simulate", "--url", server.url, "--json", "--progress", "--speed", "20", "--seed", String(seed)],
    ...["--drivers", String(drivers), "--orders-per-minute", String(ordersPerMinute)],
    ...["--duration-s", String(durationS), "--quiet-s", String(quietS)]
  ]
  const run = dropmate(args, {}, progress())
  const ended = { is: false }
  const end = run.finally(() => {
    ended.is = true
  })
  await until(
    "the first drivers on duty",
    () => server.metric("dropmate_sockets"),
    (count) => ended.is || count > 0,
    besidesMs
  )
  const killed = await killWhile(server, () => !ended.is)
  const { code, stdout, stderr } = await end
  const report = JSON.parse(stdout || "{}") as Report
  const said = stderr.slice(-2_000)
  reportPromise("acceptance: simulate", { seed, killed, restartMs: server.starts, report })
  expect(killed).toBeGreaterThan(0)
  expect(report.violations, said).toEqual([])
  expect(code, said).toBe(0)
  expect(report.orders_placed).toBeGreaterThan((ordersPerMinute * durationS) / 60 / 2)
  expect(missingIn(report)).toEqual([])
  expect(report.orders_delivered).toBeGreaterThan(0)
  expect(report.reports_acknowledged).toBeGreaterThan(report.orders_delivered * 5)
})
