import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { DriverClient } from "../../src/client/DriverClient.ts"
import { RestClient } from "../../src/client/RestClient.ts"
import { Browser, phone, type WatchedPage } from "../kit/Browser.ts"
import { signsIn } from "../kit/ConsolePage.ts"
import { newShipment, testAddress } from "../kit/PlacedOrder.ts"
import { call } from "../kit/RestCaller.ts"
import { processAdmin, ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { until } from "../kit/Until.ts"

/** An order on its way through a real server, and who brings it. */
interface Delivery {
  readonly server: ServerProcess
  readonly admin: string
  readonly orderId: string
  readonly shipmentId: string
  readonly driver: DriverClient
  readonly driverId: string
}

const begin = async (more: Readonly<Record<string, unknown>> = {}): Promise<Delivery> => {
  const server = await ServerProcess.start((await serverServices()).environment)
  const rest = new RestClient({ url: server.url })
  const { access_token: admin } = await rest.signIn(processAdmin.email, processAdmin.password)
  const { orderId, shipmentId } = await newShipment(server.url, admin, admin, more)
  const { id: driverId } = await rest.createDriver({
    email: "ada@test.example",
    name: "Ada Lovelace",
    vehicle: { type: "van", plate: "W-12345" }
  })
  const [token] = await rest.provisionTokens([driverId])
  const driver = new DriverClient({
    url: server.driverUrl("http"),
    token: () => Promise.resolve(token?.access_token),
    holdMsMax: 0
  })
  onTestFinished(() => driver.stop())
  await driver.start()
  await driver.duty("on")
  return { server, admin, orderId, shipmentId, driver, driverId }
}

const link = async (delivery: Delivery, ttlS?: number): Promise<{ readonly id: string; readonly token: string }> => {
  const { server, admin, orderId } = delivery
  const made = await call<{ id: string; token: string; url: string }>(
    server.url,
    "POST",
    `/v1/orders/${orderId}/tracking-sessions`,
    {
      token: admin,
      headers: { "idempotency-key": randomUUID() },
      body: ttlS === undefined ? {} : { ttl_s: ttlS }
    }
  )
  expect(made.status, made.text).toBe(201)
  expect(made.body.url).toBe(`${server.url}/t/#${made.body.token}`)
  return made.body
}

/** Metres north of the door, so long ago: nobody drives a mile in a second, and a place that looks like it is not shown. */
const stand = ({ driver }: Delivery, metres: number, agoMs: number): void => {
  driver.report({
    recordedAt: Date.now() - agoMs,
    lat: testAddress.lat + metres / 111_195,
    lng: testAddress.lng,
    speedMps: 8,
    headingDeg: 180,
    accuracyM: 5,
    battery: 80
  })
}

const assign = async ({ server, admin, shipmentId, driverId }: Delivery) => {
  const assigned = await call<{ id: string; fencing_token: number }>(
    server.url,
    "POST",
    `/v1/shipments/${shipmentId}/assign`,
    { token: admin, headers: { "idempotency-key": randomUUID() }, body: { driver_id: driverId } }
  )
  expect(assigned.status, assigned.text).toBe(200)
  return assigned.body
}

const marker = ({ page }: WatchedPage): Promise<string | null> => page.locator(".van").getAttribute("style")

const followsTheWholeWay = async (delivery: Delivery, watched: WatchedPage): Promise<void> => {
  const { page } = watched
  await watched.says("h1", /Order confirmed/)
  const pin = await copiedPin(watched)
  await watched.says(".contents", /^1 × Box$/)
  expect(await watched.blemishes()).toEqual([])
  const assignment = await assign(delivery)
  await watched.says("h1", /Ada has your order/)
  await watched.says(".notice", /not shared yet/)
  const act = async (action: string): Promise<void> => {
    const proof = action === "delivered" ? { proof: { type: "pin", value: pin } } : {}
    const result = await delivery.driver.task(assignment.id, assignment.fencing_token, action, proof)
    expect(result, action).toMatchObject({ ok: true })
  }
  for (const action of ["en_route_to_pickup", "at_pickup", "picked_up", "en_route"]) await act(action)
  await watched.says("h1", /Ada is on the way/)
  expect(await page.locator(".eta").count()).toBe(0)
  stand(delivery, 2_500, 120_000)
  await watched.says(".eta", /^Expected in (\d+ to|about) \d+ min$/)
  await watched.says(".sheet-head", /You are the next stop/)
  await watched.context.setOffline(true)
  await until(
    "the end of an estimate that may be wrong by now",
    () => page.locator(".eta").count(),
    (count) => count === 0
  )
  await watched.context.setOffline(false)
  await watched.says(".eta", /^Expected in (\d+ to|about) \d+ min$/)
  expect(await watched.blemishes()).toEqual([])
  stand(delivery, 360, 20_000)
  await page.locator(".van").waitFor({ timeout: 15_000 })
  const before = await marker(watched)
  stand(delivery, 330, 10_000)
  await until(
    "the marker's way",
    () => marker(watched),
    (style) => style !== before
  )
  stand(delivery, 280, 0)
  await watched.says("h1", /Ada is nearby/)
  expect(await watched.blemishes()).toEqual([])
  await act("arrived")
  await watched.says("h1", /Ada has arrived/)
  await watched.says(".door-pin", /Tell Ada this PIN now/)
  expect(await page.locator(".eta").count()).toBe(0)
  await act("delivered")
  await watched.says("h1", /Delivered/)
  await watched.says(".timeline-entry", /Your order was collected/)
  expect(await page.locator(".van").count()).toBe(0)
  expect(await page.locator(".door-pin").count()).toBe(0)
  expect(await watched.blemishes()).toEqual([])
}

/** The PIN as the page shows it, says it and copies it. */
const copiedPin = async ({ page, context }: WatchedPage): Promise<string> => {
  const pin = (await page.locator(".door-pin-digits > [aria-hidden]").textContent()) ?? ""
  expect(pin).toMatch(/^\d{6}$/)
  expect(await page.locator("[role=status] .door-pin-digits > .visually-hidden").textContent()).toBe([...pin].join(" "))
  await context.grantPermissions(["clipboard-read", "clipboard-write"])
  await page.getByRole("button", { name: "Copy PIN" }).tap()
  await page.locator(".door-pin", { hasText: "Copied" }).waitFor()
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(pin)
  return pin
}

const isDiscreet = (watched: WatchedPage, token: string): void => {
  expect(watched.complaints).toEqual([])
  for (const url of watched.requested) expect(url.split("#")[0]).not.toContain(token)
}

describe("the customer's tracking page", () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await Browser.launch()
  }, 400_000)
  afterAll(() => browser?.close())

  it("follows an order from its confirmation to the door", { timeout: 120_000 }, async () => {
    const delivery = await begin({ delivery_requirements: ["pin"] })
    const { token } = await link(delivery)
    const watched = await browser.open(`${delivery.server.url}/t/#${token}`, {
      ...phone,
      reducedMotion: "no-preference"
    })
    await followsTheWholeWay(delivery, watched)
    isDiscreet(watched, token)
  })

  it("says so when it cannot be drawn, instead of turning white, and can be loaded again", {
    timeout: 120_000
  }, async () => {
    const delivery = await begin()
    const { token } = await link(delivery)
    const watched = await browser.open(`${delivery.server.url}/t/#${token}`, phone)
    await watched.says("h1", /Order confirmed/)
    // What stands for a defect: the driver's card is about to need it.
    await watched.page.evaluate(() => {
      String.prototype.toLocaleUpperCase = () => {
        throw new Error("a defect")
      }
    })
    await assign(delivery)
    await watched.says(".mishap", /This page ran into a problem/)
    expect(watched.complaints.some((text) => text.includes("a defect"))).toBe(true)
    expect(await watched.blemishes()).toEqual([])
    await watched.page.getByRole("button", { name: "Load it again" }).click()
    await watched.says("h1", /Ada has your order/)
  })

  it("and the console agree on when the driver is expected", { timeout: 120_000 }, async () => {
    const delivery = await begin()
    const assignment = await assign(delivery)
    for (const action of ["en_route_to_pickup", "at_pickup", "picked_up", "en_route"])
      expect(await delivery.driver.task(assignment.id, assignment.fencing_token, action, {})).toMatchObject({
        ok: true
      })
    const { token } = await link(delivery)
    const watched = await browser.open(`${delivery.server.url}/t/#${token}`, phone)
    await watched.says("h1", /Ada is on the way/)
    stand(delivery, 20_000, 1_000)
    await watched.says(".eta", /^Expected \d.* to \d/)
    const expected = (await watched.page.locator(".eta strong").textContent()) ?? ""
    const dispatcher = await browser.open(`${delivery.server.url}/console`)
    await signsIn(dispatcher)
    await dispatcher.page.getByRole("option", { name: /Ada Lovelace/ }).click()
    await dispatcher.says(".details", new RegExp(`Deliveries\\s*To the door, ${expected}`), 60_000)
    expect(await dispatcher.blemishes()).toEqual([])
    isDiscreet(watched, token)
  })

  it("says when the network or the server is away, comes back, and catches up", { timeout: 120_000 }, async () => {
    const delivery = await begin()
    const { server } = delivery
    const { token } = await link(delivery)
    const watched = await browser.open(`${server.url}/t/#${token}`, phone)
    await watched.says("h1", /Order confirmed/)
    await watched.context.setOffline(true)
    await watched.says("[data-state]", /Offline/)
    await assign(delivery)
    await watched.context.setOffline(false)
    await watched.says("h1", /Ada has your order/)
    await server.kill9()
    await watched.says("[data-state]", /Reconnecting|Connecting/)
    await server.startAgain()
    await watched.says("[data-state]", /Live/, 30_000)
    isDiscreet(watched, token)
  })

  it("says that a link has expired, was withdrawn, or opens nothing", { timeout: 120_000 }, async () => {
    const delivery = await begin()
    const { server, admin } = delivery
    const lasting = await link(delivery)
    const watched = await browser.open(`${server.url}/t/#${lasting.token}`, phone)
    await watched.says("h1", /Order confirmed/)
    const revoked = await call(server.url, "DELETE", `/v1/tracking-sessions/${lasting.id}`, { token: admin })
    expect(revoked.status).toBe(204)
    await watched.says("h1", /This link was withdrawn/)
    expect(await watched.blemishes()).toEqual([])
    const short = await link(delivery, 5)
    const other = await browser.open(`${server.url}/t/#${short.token}`, { ...phone, colorScheme: "dark" })
    await other.says("h1", /This link has expired/)
    const wrong = await browser.open(`${server.url}/t/#nothing`, phone)
    await wrong.says("h1", /This link is not valid/)
    const none = await browser.open(`${server.url}/t/`, phone)
    await none.says("h1", /This link is not valid/)
    for (const page of [watched, other, wrong, none]) isDiscreet(page, short.token)
  })
})
