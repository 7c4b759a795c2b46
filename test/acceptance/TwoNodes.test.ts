import { expect, it, onTestFinished } from "vitest"
import { FleetClient } from "../../src/client/FleetClient.ts"
import { TrackingClient } from "../../src/client/TrackingClient.ts"
import { DeliveryByRest, Phone } from "../kit/DeliveryByRest.ts"
import { FaultProxy } from "../kit/FaultProxy.ts"
import { reportPromise } from "../kit/PromiseSize.ts"
import { ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { ownRedis } from "../kit/TestServices.ts"
import { until } from "../kit/Until.ts"

const moves = 20
const deadlineMs = 30_000

const startedNodes = async () => {
  const redis = await ownRedis()
  onTestFinished(() => redis.drop())
  const url = new URL(redis.url)
  const proxy = await FaultProxy.start({ host: url.hostname, port: Number(url.port) })
  onTestFinished(() => proxy.stop())
  url.hostname = "127.0.0.1"
  url.port = String(proxy.port)
  const { environment } = await serverServices()
  const start = (name: string) => ServerProcess.start({ ...environment, REDIS_URL: url.href, NODE_NAME: name })
  return { proxy, near: await start("near"), far: await start("far") }
}

const socketUrl = (server: ServerProcess): string => server.url.replace("http", "ws")

const median = (values: ReadonlyArray<number>): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

/** A console that shows everybody, on a node, and what it was told of one shipment. */
const openConsole = async (server: ServerProcess, token: string, shipmentId: string) => {
  const events: Array<string> = []
  const page = new FleetClient(
    {
      url: `${socketUrl(server)}/v1/fleet`,
      token: () => Promise.resolve(token),
      view: { bbox: null, intervalMs: 200 }
    },
    { event: (event) => void (event.shipmentId === shipmentId && events.push(event.type)) }
  )
  onTestFinished(() => page.stop())
  page.start()
  await until(
    "the console",
    () => page.state,
    (state) => state === "live",
    deadlineMs
  )
  return { page, events }
}

const openPage = (server: ServerProcess, token: string): TrackingClient => {
  const customer = new TrackingClient({ url: `${socketUrl(server)}/v1/track`, token, minIntervalMs: 200 }, {})
  onTestFinished(() => customer.stop())
  customer.start()
  return customer
}

/** A driver who goes north, and two who should see that. */
class FollowedDrive {
  private readonly phone: Phone
  private readonly onConsole: () => number | undefined
  private readonly onPage: () => number | undefined
  private steps = 0

  constructor(phone: Phone, onConsole: () => number | undefined, onPage: () => number | undefined) {
    this.phone = phone
    this.onConsole = onConsole
    this.onPage = onPage
  }

  /** Reports places one by one; answers how long the console and the customer waited for each (median/greatest, ms). */
  async drive(): Promise<{ readonly consoleMs: string; readonly customerMs: string }> {
    const waits: Array<readonly [number, number]> = []
    for (let i = 0; i < moves; i++) {
      const lat = this.nextLat()
      this.phone.report(lat, 16.36)
      const from = performance.now()
      const waited = async (look: () => number | undefined): Promise<number> => {
        await until(`the latitude ${lat}`, look, (seen) => seen === lat, deadlineMs)
        return Math.round(performance.now() - from)
      }
      waits.push(await Promise.all([waited(this.onConsole), waited(this.onPage)]))
    }
    const told = (each: ReadonlyArray<number>): string => `${median(each)}/${Math.max(...each)}`
    return { consoleMs: told(waits.map(([ms]) => ms)), customerMs: told(waits.map(([, ms]) => ms)) }
  }

  /** Shows places that are never stored, until both have seen one: only a batch can have carried it. */
  async showUnstored(): Promise<void> {
    const from = this.nextLat()
    let shownAt = 0
    const show = (look: () => number | undefined) => () => {
      // At most one a second counts.
      if (performance.now() - shownAt > 1_100) {
        shownAt = performance.now()
        this.phone.show(this.nextLat(), 16.36)
      }
      return look() ?? 0
    }
    for (const look of [this.onConsole, this.onPage])
      await until("a place that was never stored", show(look), (lat) => lat >= from, deadlineMs)
  }

  /** Eleven metres further than before: no jump. */
  private nextLat(): number {
    return Math.round((48.1 + ++this.steps * 1e-4) * 1e7) / 1e7
  }
}

it("a driver on one node is followed by the console and the customer of another, with Redis and without", {
  timeout: 300_000
}, async () => {
  const { proxy, near, far } = await startedNodes()
  const [staff, staffThere] = [await DeliveryByRest.open(near.url), await DeliveryByRest.open(far.url)]
  const driver = await staff.driver("Dana Driver")
  const phone = await Phone.connect(socketUrl(near), driver.token)
  const { orderId, shipmentId } = await staffThere.order()
  const { page, events } = await openConsole(far, staff.token, shipmentId)
  await staff.assign(shipmentId, driver.id)
  const customer = openPage(far, await staff.link(orderId))
  await phone.work("en_route_to_pickup", "at_pickup", "picked_up", "en_route")
  await until(
    "EVENT of the other node",
    () => [...events],
    (seen) => seen.includes("shipment.en_route"),
    deadlineMs
  )
  expect(new Set(events).size).toBe(events.length)

  const shown = () => page.roster.find(driver.id)
  const drive = new FollowedDrive(
    phone,
    () => shown()?.lat,
    () => customer.order?.position?.lat
  )
  const withRedis = await drive.drive()
  expect(shown()?.status).toBe("carrying")
  proxy.cut()
  const withoutRedis = await drive.drive()
  expect(shown()?.status).toBe("carrying")
  expect(await far.metric("dropmate_fleet_polls_total")).toBeGreaterThan(0)
  proxy.restore()
  await drive.showUnstored()
  const withRedisAgain = await drive.drive()
  reportPromise("two nodes, waits as median/greatest", { moves, withRedis, withoutRedis, withRedisAgain })

  phone.wire.terminate()
  await until(
    "the driver, offline",
    () => shown()?.status,
    (status) => status === "offline",
    deadlineMs
  )
})
