import { expect, it, onTestFinished } from "vitest"
import { TrackingClient } from "../../src/client/TrackingClient.ts"
import { FaultProxy } from "../kit/FaultProxy.ts"
import { loopReport, watchedLoop } from "../kit/LoopReport.ts"
import { promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { TrackedOrders } from "../kit/TrackedOrders.ts"
import { until } from "../kit/Until.ts"

const watchers = promiseSize({ ci: 1_000, nightly: 2_000 })
const ordersMany = 10
const startedAtOnce = 100
/** What is promised is ten seconds, and the figure of each run is printed; this is the deadline on a machine that does much else. */
const backDeadlineMs = 120_000
/** Comes back soon: the test waits for it. */
const backoff = { floorMs: 20, baseMs: 200, capMs: 1_000 }

it(`P15: ${watchers} watchers who are cut at once all come back, and each order is read at most once for all of them, also by a server that has just started`, {
  timeout: 500_000
}, async () => {
  const { databaseUrl, environment } = await serverServices()
  const server = await ServerProcess.start({ ...environment, ...watchedLoop })
  const orders = await TrackedOrders.open(databaseUrl)
  onTestFinished(() => orders.close())
  const proxy = await FaultProxy.start({ host: "127.0.0.1", port: server.realtimePort })
  onTestFinished(() => proxy.stop())
  const begun = new Map<TrackingClient, number>()
  for (let i = 0; i < ordersMany; i++) {
    const links = await orders.links(await orders.place(), watchers / ordersMany)
    for (const { token } of links) {
      const client: TrackingClient = new TrackingClient(
        { url: `ws://127.0.0.1:${proxy.port}/v1/track`, token, backoff },
        { state: (state) => void (state === "live" && begun.set(client, (begun.get(client) ?? 0) + 1)) }
      )
      begun.set(client, 0)
    }
  }
  onTestFinished(() => {
    for (const client of begun.keys()) client.stop()
  })
  const allBegun = (times: number): Promise<number> =>
    until(
      `the beginning number ${times} of every watcher`,
      () => [...begun.values()].filter((count) => count >= times).length,
      (count) => count === begun.size,
      backDeadlineMs
    )
  const begunOnce = (): number => [...begun.values()].filter((count) => count > 0).length
  const loads = (): Promise<number> => server.metric("dropmate_order_loads_total")

  // Some at a time: it is their return that is tried.
  const clients = [...begun.keys()]
  for (let from = 0; from < clients.length; from += startedAtOnce) {
    for (const client of clients.slice(from, from + startedAtOnce)) client.start()
    await until(
      "some more beginnings",
      begunOnce,
      (many) => many >= Math.min(from + startedAtOnce, clients.length),
      backDeadlineMs
    )
  }
  const atFirst = await loads()
  await loopReport(server)
  const cutAtMs = performance.now()
  proxy.cutOnce()
  await allBegun(2)
  const backMs = Math.round(performance.now() - cutAtMs)
  const { delayP50Ms, delayP99Ms, delayMaxMs, longestBusyMs } = await loopReport(server)
  const afterCut = await loads()
  server.signal("SIGTERM")
  await server.end()
  await server.startAgain()
  await allBegun(3)
  const afterRestart = await loads()
  reportPromise("P15", {
    watchers,
    orders: ordersMany,
    backMs,
    loop: { delayP50Ms, delayP99Ms, delayMaxMs, longestBusyMs },
    loads: { atFirst, afterCut: afterCut - atFirst, afterRestart }
  })
  expect(atFirst).toBeLessThanOrEqual(ordersMany)
  expect(afterCut - atFirst).toBe(0)
  expect(afterRestart).toBeLessThanOrEqual(ordersMany)
  for (const client of begun.keys()) expect(client.order?.stage).toBe("scheduled")
})
