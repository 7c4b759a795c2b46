import { expect, it, onTestFinished } from "vitest"
import { TrackingClient } from "../../src/client/TrackingClient.ts"
import { FaultProxy } from "../kit/FaultProxy.ts"
import { promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { TrackedOrders } from "../kit/TrackedOrders.ts"
import { until } from "../kit/Until.ts"

const watchers = promiseSize({ ci: 500, nightly: 2_000 })
const ordersMany = 10
/** Comes back soon: the test waits for it. */
const backoff = { floorMs: 20, baseMs: 200, capMs: 1_000 }

it(`P15: ${watchers} watchers who are cut at once all come back, and each order is read at most once for all of them, also by a server that has just started`, {
  timeout: 120_000
}, async () => {
  const { databaseUrl, environment } = await serverServices()
  const server = await ServerProcess.start(environment)
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
      30_000
    )
  const loads = (): Promise<number> => server.metric("dropmate_order_loads_total")

  for (const client of begun.keys()) client.start()
  await allBegun(1)
  const atFirst = await loads()
  proxy.cutOnce()
  await allBegun(2)
  const afterCut = await loads()
  server.signal("SIGTERM")
  await server.end()
  await server.startAgain()
  await allBegun(3)
  const afterRestart = await loads()
  reportPromise("P15", { watchers, orders: ordersMany, loads: { atFirst, afterCut: afterCut - atFirst, afterRestart } })
  expect(atFirst).toBeLessThanOrEqual(ordersMany)
  expect(afterCut - atFirst).toBe(0)
  expect(afterRestart).toBeLessThanOrEqual(ordersMany)
  for (const client of begun.keys()) expect(client.order?.stage).toBe("scheduled")
})
