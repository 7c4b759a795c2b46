import { randomUUID } from "node:crypto"
import { expect, it, onTestFinished } from "vitest"
import { RestClient } from "../../src/client/RestClient.ts"
import { defaultLimits } from "../../src/config/Limits.ts"
import { CloseCode } from "../../src/protocol/CloseCode.ts"
import { DriverServerFrame, TrackingServerFrame } from "../../src/protocol/FrameType.ts"
import { DrivingFleet } from "../kit/DrivingFleet.ts"
import { Latencies } from "../kit/Latencies.ts"
import { newProduct, testAddress } from "../kit/PlacedOrder.ts"
import { promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { type Answer, call, login } from "../kit/RestCaller.ts"
import { processAdmin, ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { soundBatch, soundPoint } from "../kit/SignedIn.ts"
import { TrackedOrders } from "../kit/TrackedOrders.ts"
import { watchOrder } from "../kit/TrackingWatch.ts"
import { until } from "../kit/Until.ts"
import { helloFrame, WireClient } from "../kit/WireClient.ts"

const logins = promiseSize({ ci: 600, nightly: 10_000 })
const subscribes = promiseSize({ ci: 200, nightly: 1_000 })
const orders = promiseSize({ ci: 500, nightly: 5_000 })
const quietMs = promiseSize({ ci: 4_000, nightly: 20_000 })
const fleetNames = Array.from({ length: 10 }, (_, i) => `Driver ${i}`)
/** Within the quota of a customer whose orders are counted, too. */
const neighbourEveryMs = 1_100
const phoneEveryMs = 100
const loudAtOnce = 8
/** Twice the window in one go, and far more goes than the ten that are forgiven in a minute. */
const floodBatches = Math.ceil((2 * defaultLimits.windowPoints) / 400)
const floodPointsMax = 200 * floodBatches * 400
const { loginAttemptsPerAccountPerMinute, loginAttemptsPerAddressPerMinute, ordersPerCustomerPerMinute } = defaultLimits

/** The server trusts one proxy, so that each caller can come from an address of their own. */
const from = (address: string) => ({ "x-forwarded-for": address })

/** What a burst of one key got, and how long it went on. */
interface Burst {
  readonly granted: number
  readonly refused: number
  readonly seconds: number
}

/** Sends `count` requests, some at once; every refusal must say when to come back. */
const burst = async (count: number, send: (n: number) => Promise<Answer>): Promise<Burst> => {
  const began = performance.now()
  let [next, granted, refused] = [0, 0, 0]
  const lane = async (): Promise<void> => {
    while (next < count) {
      const answer = await send(next++)
      if (answer.status !== 429) {
        granted++
        continue
      }
      refused++
      expect(answer.body.code).toBe("rate_limited")
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0)
      expect(answer.headers.get("ratelimit")).toMatch(/r=0/)
    }
  }
  await Promise.all(Array.from({ length: loudAtOnce }, lane))
  return { granted, refused, seconds: (performance.now() - began) / 1_000 }
}

/** A minute's quota at once, then one for each `60 s / quota`: what went through is within one request of that. */
const isHeld = ({ granted, refused, seconds }: Burst, perMinute: number): void => {
  expect(refused).toBeGreaterThan(0)
  expect(granted).toBeGreaterThanOrEqual(perMinute)
  expect(granted).toBeLessThanOrEqual(perMinute + Math.ceil((seconds * perMinute) / 60) + 1)
}

const password = "a customer's password"

const register = async (url: string, email: string, address: string): Promise<void> => {
  const body = { email, password, name: "Customer" }
  const made = await call(url, "POST", "/v1/auth/register", { body, headers: from(address) })
  if (made.status !== 201) throw new Error(`registering was answered ${made.status}: ${made.text}`)
}

const customer = async (url: string, email: string, address: string): Promise<string> => {
  await register(url, email, address)
  return (await login(url, email, password)).access_token
}

const order = (url: string, token: string, productId: string, address: string): Promise<Answer> =>
  call(url, "POST", "/v1/orders", {
    token,
    headers: { "idempotency-key": randomUUID(), ...from(address) },
    body: { items: [{ product_id: productId, quantity: 1 }], delivery_address: testAddress, channel: "app" }
  })

/** Somebody else, who does one thing now and then. */
class Neighbour {
  readonly latencies = new Latencies()
  private isOver = false
  private readonly done: Promise<void>

  constructor(act: () => Promise<void>, everyMs: number) {
    this.done = this.run(act, everyMs)
    // It is told by `stop`; until then nobody waits for it.
    this.done.catch(() => undefined)
  }

  private async run(act: () => Promise<void>, everyMs: number): Promise<void> {
    while (!this.isOver) {
      await this.latencies.time(act())
      await new Promise((resolve) => setTimeout(resolve, everyMs))
    }
  }

  async stop(): Promise<void> {
    this.isOver = true
    await this.done
  }
}

const openPhone = async (server: ServerProcess, token: string | undefined): Promise<WireClient> => {
  const phone = await WireClient.open(server.driverUrl("realtime"))
  onTestFinished(() => phone.terminate())
  phone.send(helloFrame({ token: token ?? null }))
  await phone.next(DriverServerFrame.welcome)
  return phone
}

/** A phone within its bounds: a point, and its acknowledgement. */
const drivesOn = (phone: WireClient): Neighbour => {
  let seq = 0
  return new Neighbour(() => {
    phone.send(soundPoint(++seq))
    return phone.acked(seq)
  }, phoneEveryMs)
}

/** A phone that does not heed its credit: hundreds of times what phones send, until it is let go. Ends with the code of that. */
const floodPoints = async (phone: WireClient): Promise<{ code: number; sent: number }> => {
  let sent = 0
  const acked = (): number => Number(phone.of(DriverServerFrame.ack).at(-1)?.[1] ?? 0)
  while (phone.closed === undefined && sent < floodPointsMax) {
    const from = acked()
    for (let i = 0; i < floodBatches; i++) phone.send(soundBatch(from + 1 + i * 400, 400))
    sent += floodBatches * 400
    // What is within the window is taken; the next overrun begins after it.
    await until(
      "the answer to an overrun",
      () => phone.closed !== undefined || acked() > from,
      (isAnswered) => isAnswered,
      60_000
    )
  }
  return { code: await phone.closeCode(), sent }
}

/** A page of a link, once it is open or refused for good; "come back later" is heeded as pages do. */
const openPage = async (url: string, token: string): Promise<WireClient> => {
  for (;;) {
    const page = await watchOrder(url, { token })
    await until(
      "a page's answer",
      () => page.closed !== undefined || page.of(TrackingServerFrame.snapshot).length > 0,
      (isAnswered) => isAnswered,
      60_000
    )
    if (page.closed?.code !== CloseCode.databaseUnavailable) return page
  }
}

/** Many pages of one link, some at once. */
const openPages = async (url: string, token: string, count: number): Promise<ReadonlyArray<WireClient>> => {
  const pages: Array<WireClient> = []
  let next = 0
  const lane = async (): Promise<void> => {
    while (next++ < count) pages.push(await openPage(url, token))
  }
  await Promise.all(Array.from({ length: loudAtOnce }, lane))
  return pages
}

it(`P29: ${logins} logins, ${orders} orders of one customer, ${subscribes} pages of one link and a phone without bounds are held to their quotas, and others go on`, {
  timeout: 900_000
}, async () => {
  const { databaseUrl, environment } = await serverServices()
  const server = await ServerProcess.start({ ...environment, TRUSTED_PROXY_HOPS: "1" })
  const { url } = server
  const tracked = await TrackedOrders.open(databaseUrl)
  onTestFinished(() => tracked.close())
  const fleet = await DrivingFleet.start(server, fleetNames)
  onTestFinished(() => fleet.stop())
  const rest = new RestClient({ url })
  await rest.signIn(processAdmin.email, processAdmin.password)
  const admin = (await login(url, processAdmin.email, processAdmin.password)).access_token
  const productId = await newProduct(url, admin, 1_000_000)
  const drivers = [
    await rest.createDriver({ email: "loud@test.example", name: "Loud" }),
    await rest.createDriver({ email: "honest@test.example", name: "Honest" })
  ]
  const [loudToken, honestToken] = await rest.provisionTokens(drivers.map(({ id }) => id))
  const loud = await customer(url, "loud-customer@test.example", "198.51.100.1")
  const quiet = await customer(url, "quiet@test.example", "198.51.100.2")
  // Nobody signs in to it before the guesses: a login of its own would have used up one of the ten that the burst must be granted.
  const guessed = "guessed@test.example"
  await register(url, guessed, "198.51.100.3")
  const statuses: Array<number> = []
  const neighbour = new Neighbour(async () => {
    statuses.push((await order(url, quiet, productId, "198.51.100.2")).status)
  }, neighbourEveryMs)
  const phone = drivesOn(await openPhone(server, honestToken?.access_token))
  const loudPhone = await openPhone(server, loudToken?.access_token)

  await new Promise((resolve) => setTimeout(resolve, quietMs))
  const before = { orders: neighbour.latencies.take(), acks: phone.latencies.take() }

  const guess = (email: string, address: string): Promise<Answer> =>
    call(url, "POST", "/v1/auth/login", { body: { email, password: "a guess" }, headers: from(address) })
  const link = await tracked.link(await tracked.place())
  const [ofAccount, ofAddress, ofCustomer, flooded, pages] = await Promise.all([
    burst(logins / 2, (n) => guess(guessed, `203.0.113.${n % 250}`)),
    burst(logins / 2, (n) => guess(`nobody-${n}@test.example`, "192.0.2.1")),
    burst(orders, (n) => order(url, loud, productId, `198.18.0.${n % 250}`)),
    floodPoints(loudPhone),
    openPages(`ws://127.0.0.1:${server.realtimePort}`, link.token, subscribes)
  ])
  const during = { orders: neighbour.latencies.take(), acks: phone.latencies.take() }
  await neighbour.stop()
  await phone.stop()

  const codes = pages.flatMap(({ closed }) => (closed === undefined ? [] : [closed.code]))
  const { rows } = await tracked.client.query<{ placed: number }>(
    "SELECT count(*)::integer AS placed FROM orders o JOIN users u ON u.id = o.placed_by WHERE u.email = 'loud-customer@test.example'"
  )
  reportPromise("P29", {
    logins,
    loginsGranted: { account: ofAccount.granted, address: ofAddress.granted },
    orders,
    ordersGranted: ofCustomer.granted,
    ordersSeconds: Math.round(ofCustomer.seconds),
    pointsFlooded: flooded.sent,
    subscribes,
    pagesOpen: subscribes - codes.length,
    pagesClosed: [...new Set(codes)],
    before,
    during
  })
  isHeld(ofAccount, loginAttemptsPerAccountPerMinute)
  isHeld(ofAddress, loginAttemptsPerAddressPerMinute)
  isHeld(ofCustomer, ordersPerCustomerPerMinute)
  expect(rows[0]?.placed).toBe(ofCustomer.granted)
  expect(flooded.code).toBe(4005)
  expect(subscribes - codes.length).toBe(defaultLimits.trackWatchersPerLinkMax)
  expect(new Set(codes)).toEqual(new Set([4509]))
  // Whoever stays within their bounds is refused nothing.
  expect(new Set(statuses)).toEqual(new Set([201]))
  expect(fleet.clients.map(({ counters }) => counters.losses)).toEqual(fleetNames.map(() => 0))
})
