import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { Browser, phone, type WatchedPage } from "../kit/Browser.ts"
import { signsIn } from "../kit/ConsolePage.ts"
import { DrivingFleet } from "../kit/DrivingFleet.ts"
import { OrderDesk, windowIn } from "../kit/OrderDesk.ts"
import { pay } from "../kit/PaidOrder.ts"
import { newOrder } from "../kit/PlacedOrder.ts"
import { call, newCustomer } from "../kit/RestCaller.ts"
import { ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { until } from "../kit/Until.ts"

/** Near where the fleet drives. */
const berlin = {
  delivery_address: { line1: "Karl-Marx-Allee 1", city: "Berlin", country: "DE", lat: 52.5219, lng: 13.4132 },
  pickup: { line1: "Depot Mitte", lat: 52.5251, lng: 13.4021 }
}

const drive = async (server: ServerProcess): Promise<DrivingFleet> => {
  const fleet = await DrivingFleet.start(server, ["Ada Lovelace", "Grace Hopper", "Alan Turing"])
  onTestFinished(() => fleet.stop())
  return fleet
}

const row = ({ page }: WatchedPage, text: string) => page.locator(".board-row", { hasText: text })
const button = ({ page }: WatchedPage, name: string) => page.getByRole("button", { name, exact: true })

/** From now on the page asks for nothing by itself: what it shows, it was told. */
const stopsAsking = async ({ page }: WatchedPage): Promise<void> => {
  await page.addInitScript({
    content: "const every = setInterval; setInterval = (work, ms) => (ms >= 5000 ? 0 : every(work, ms))"
  })
  await page.reload()
}

const isDiscreet = (watched: WatchedPage): void => {
  expect(watched.complaints).toEqual([])
  for (const url of watched.requested) expect(url).not.toMatch(/eyJ|token=/)
}

/** From the confirmation to another driver and back, by buttons; what each step leads to is said by the server. */
const worksAnOrder = async (watched: WatchedPage): Promise<void> => {
  const { page } = watched
  await row(watched, "A-1").click()
  await watched.says(".order-panel h2", /Order A-1/)
  await watched.says(".order-standing", /To be confirmed/)
  await button(watched, "Confirm").click()
  await watched.says(".order-standing", /Waiting for a driver/)
  expect(await page.locator(".order-panel h2").evaluate((heading) => heading === document.activeElement)).toBe(true)
  await button(watched, "Assign").click()
  await watched.says(".candidate", /Ada Lovelace/)
  await page.keyboard.type("grace")
  await until(
    "only who is searched for",
    () => page.locator(".candidate").count(),
    (count) => count === 1
  )
  expect(await watched.blemishes()).toEqual([])
  await page.keyboard.press("Enter")
  await button(watched, "Assign to Grace Hopper").click()
  await watched.says(".order-standing", /Assigned/)
  await watched.says(".order-panel .facts", /Grace Hopper/)
  await watched.says(".order-panel .timeline", /Given to Grace Hopper/)
  await watched.says(".board-row[data-stage=assigned]", /A-1/)
  await button(watched, "Reassign").click()
  await page.locator(".candidate", { hasText: "Alan Turing" }).click()
  await button(watched, "Reassign to Alan Turing").click()
  await watched.says(".order-panel .facts", /Alan Turing/)
  await button(watched, "Take from driver").click()
  await page.locator("dialog input[name=reason]").fill("flat tyre")
  await page.keyboard.press("Enter")
  await watched.says(".order-panel .timeline", /Taken from the driver: flat tyre/)
  await watched.says(".order-standing", /Waiting for a driver/)
}

const cancelsAnOrder = async (watched: WatchedPage): Promise<void> => {
  await button(watched, "Cancel order").click()
  await watched.says("dialog", /cannot be undone/)
  await button(watched, "Back").click()
  expect(await button(watched, "Cancel order").evaluate((element) => element === document.activeElement)).toBe(true)
  await button(watched, "Cancel order").click()
  await watched.page.locator("dialog").getByRole("button", { name: "Cancel order" }).click()
  await watched.says(".order-standing", /Cancelled/)
  await watched.says(".board-row[data-stage=done]", /A-1/)
  expect(await button(watched, "Assign").count()).toBe(0)
}

const walksByKeyboard = async (watched: WatchedPage): Promise<void> => {
  const { page } = watched
  await page.keyboard.press("Escape")
  await until(
    "the closed panel",
    () => page.locator(".order-panel").count(),
    (count) => count === 0
  )
  await page.keyboard.press("/")
  await page.keyboard.type("hopper")
  await watched.says(".list-empty", /No open order matches/)
  await page.locator("input[type=search]").fill("borg")
  await watched.says(".board-row", /Anita Borg/)
  await page.keyboard.press("ArrowDown")
  await page.keyboard.press("Enter")
  await watched.says(".order-panel h2", /Order A-2/)
  expect(page.url()).toMatch(/\/console\/orders\/ord_/)
  await page.goBack()
  expect(page.url()).toMatch(/\/console\/orders$/)
  await page.goForward()
  await watched.says(".order-panel h2", /Order A-2/)
  await page.reload()
  await watched.says(".order-panel h2", /Order A-2/)
}

const writesAnOrder = async (watched: WatchedPage): Promise<void> => {
  const { page } = watched
  await page.getByRole("link", { name: "New order" }).click()
  await button(watched, "Place order").click()
  await watched.says(".new-order", /Choose a product/)
  expect(await watched.blemishes()).toEqual([])
  await page.getByLabel("Product 1").selectOption({ index: 1 })
  await page.getByLabel("Quantity 1").fill("2")
  await page.getByLabel("For", { exact: true }).fill("Radia Perlman")
  await page.getByLabel("Street and number", { exact: true }).fill("Unter den Linden 6")
  await page.getByLabel("City", { exact: true }).first().fill("Berlin")
  await page.getByLabel("Country (two letters)").fill("de")
  await page.locator(".maplibregl-canvas").click({ position: { x: 200, y: 300 } })
  await until(
    "the place that was clicked",
    () => page.locator("input[name=lat]").inputValue(),
    (text) => /^-?\d+\.\d{6}$/.test(text)
  )
  await button(watched, "Place order").click()
  await watched.says(".order-panel h2", /Order …/)
  await watched.says(".order-panel .facts", /Radia Perlman/)
  await watched.says(".board-row[data-stage=waiting]", /Radia Perlman/)
}

/** A customer's order that was paid at the second try, and about which they wrote. */
const customersOrder = async (server: ServerProcess, desk: OrderDesk) => {
  const { url } = server
  const { access_token: token } = await newCustomer(url)
  const { id } = await newOrder(url, token, desk.productId, { ...berlin, external_id: "A-3" })
  await pay(url, token, id, "tok_declined")
  await pay(url, token, id)
  const context = { context_type: "order", context_id: id }
  const thread = await call<{ id: string }>(url, "POST", "/v1/threads", { token, body: context })
  const path = `/v1/threads/${thread.body.id}`
  const write = (text: string) => call(url, "POST", `${path}/messages`, { token, body: { text } })
  const read = (messageId: string | undefined) =>
    call(url, "PATCH", path, { token, body: { read_message_id: messageId } })
  const messages = () =>
    desk.rest.get<{ readonly data: ReadonlyArray<{ readonly id: string; readonly text: string }> }>(`${path}/messages`)
  await write("The side door, please")
  return { id, write, read, messages }
}

type CustomersOrder = Awaited<ReturnType<typeof customersOrder>>

/** A refund whose answer is lost, and that is then asked for twice at once, is one refund. */
const takesAndGivesBack = async (watched: WatchedPage, desk: OrderDesk, { id }: CustomersOrder): Promise<void> => {
  const { page } = watched
  const submit = page.locator("dialog button[type=submit]")
  await row(watched, "A-3").click()
  await watched.says(".order-payment", /Authorized, not captured.*2 attempts/)
  await button(watched, "Capture").click()
  await submit.click()
  await watched.says(".order-payment", /12\.50 captured/)
  await button(watched, "Refund").click()
  await page.locator("dialog input[name=amount]").fill("99")
  await page.keyboard.press("Enter")
  await watched.says("dialog", /No more than .12\.50 is left/)
  expect(await watched.blemishes()).toEqual([])
  await page.locator("dialog input[name=amount]").fill("2,50")
  await page.locator("dialog input[name=reason]").fill("a bruised apple")
  await page.route(
    "**/refunds",
    async (route) => {
      await route.fetch()
      await route.abort()
    },
    { times: 1 }
  )
  await submit.click()
  await watched.says("dialog", /cannot be reached/)
  await submit.dblclick()
  await watched.says(".order-payment", /Captured, refunded in part.*a bruised apple.*2\.50 refunded/)
  expect((await desk.rest.get<{ data: ReadonlyArray<unknown> }>(`/v1/orders/${id}/refunds`)).data).toHaveLength(1)
}

const answersTheCustomer = async (watched: WatchedPage, order: CustomersOrder): Promise<void> => {
  const { page, context } = watched
  const field = page.locator("textarea[name=message]")
  await watched.says(".order-messages", /1 new.*Customer.*The side door, please/)
  await field.fill("On its way")
  await page.keyboard.press("Shift+Enter")
  await page.keyboard.type("to you")
  await context.setOffline(true)
  await page.keyboard.press("Enter")
  await watched.says(".message-form", /cannot be reached/)
  expect(await field.inputValue()).toBe("On its way\nto you")
  await context.setOffline(false)
  await page.keyboard.press("Enter")
  await watched.says(".message-staff", /Staff.*On its way\s*to you/, 30_000)
  expect(await field.inputValue()).toBe("")
  const { data } = await order.messages()
  expect(data.map(({ text }) => text)).toEqual(["The side door, please", "On its way\nto you"])
  await order.read(data[1]?.id)
  await order.write("Thank you")
  await watched.says(".order-messages", /Read by the customer.*Thank you/, 30_000)
  expect(await watched.blemishes()).toEqual([])
}

/** Whoever is neither dispatcher nor administrator reads and writes to people, and moves neither orders nor money. */
const offersNothingToReaders = async (watched: WatchedPage): Promise<void> => {
  const { page } = watched
  // The fleet stream lets only those two in: what a console that only reads looks like is seen with another role of the same account.
  await page.route("**/v1/me", (route) => route.fulfill({ json: { roles: ["support"] } }))
  await page.reload()
  await watched.says(".order-payment", /Captured/, 60_000)
  await watched.says(".message-form", /Write to the customer/)
  for (const name of ["Refund", "Assign", "Cancel order"]) expect(await button(watched, name).count()).toBe(0)
  expect(await page.getByRole("link", { name: "New order" }).count()).toBe(0)
  await page.locator(".order-panel h2").focus()
  await page.keyboard.press("n")
  await watched.says(".order-panel", /may look at orders, not place them/)
}

describe("the dispatcher's board", () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await Browser.launch()
  }, 400_000)
  afterAll(() => browser?.close())

  it("shows orders as they come and go, and is worked from the confirmation to the end", {
    timeout: 240_000
  }, async () => {
    const server = await ServerProcess.start((await serverServices()).environment)
    const desk = await OrderDesk.open(server)
    const watched = await browser.open(`${server.url}/console/orders`)
    await signsIn(watched)
    await watched.says(".list-empty", /No open orders/, 60_000)
    await stopsAsking(watched)
    await watched.says(".list-empty", /No open orders/, 60_000)
    expect(await watched.blemishes()).toEqual([])
    await drive(server)
    await desk.place("Mary Somerville", { ...berlin, external_id: "A-1", window: windowIn(30, 90) })
    await watched.says(".board-row[data-stage=waiting]", /A-1.*Mary Somerville/, 30_000)
    await desk.ship("Anita Borg", { ...berlin, external_id: "A-2", window: windowIn(-90, -30) })
    await watched.says(".board-row[data-stage=attention]", /Anita Borg.*30 min late/, 30_000)
    await worksAnOrder(watched)
    await cancelsAnOrder(watched)
    await walksByKeyboard(watched)
    expect(await watched.blemishes()).toEqual([])
    await writesAnOrder(watched)
    isDiscreet(watched)
  })

  it("leads from an order to its driver and back, takes and gives back money once, and writes to the customer", {
    timeout: 300_000
  }, async () => {
    const server = await ServerProcess.start((await serverServices()).environment)
    const desk = await OrderDesk.open(server)
    const fleet = await drive(server)
    const shipmentId = await desk.ship("Anita Borg", { ...berlin, external_id: "A-2" })
    await desk.rest.post(`/v1/shipments/${shipmentId}/assign`, { driver_id: fleet.ids[0] })
    const watched = await browser.open(`${server.url}/console/orders`)
    const { page } = watched
    await signsIn(watched)
    await page.keyboard.press("o")
    await row(watched, "A-2").click({ timeout: 60_000 })
    await watched.says(".order-messages", /Nobody has written yet/)
    await watched.says(".pin-pickup", /Pickup/, 60_000)
    await watched.says(".pin-dropoff", /Drop-off/)
    await watched.says(".selection", /Ada Lovelace/, 30_000)
    await page.locator(".order-panel").getByRole("link", { name: "Ada Lovelace" }).click()
    await watched.says(".details h2", /Ada Lovelace/)
    expect(await page.locator(".pin").count()).toBe(0)
    await page.locator(".deliveries").getByRole("link", { name: "Assigned" }).click()
    await watched.says(".order-panel h2", /Order A-2/)
    const order = await customersOrder(server, desk)
    await takesAndGivesBack(watched, desk, order)
    await answersTheCustomer(watched, order)
    await offersNothingToReaders(watched)
    isDiscreet(watched)
  })

  it("says when it is not live, and catches up after a lost network and a killed server", {
    timeout: 240_000
  }, async () => {
    const server = await ServerProcess.start((await serverServices()).environment)
    const desk = await OrderDesk.open(server)
    await desk.place("Mary Somerville", { external_id: "A-1" })
    const watched = await browser.open(`${server.url}/console/orders`, { colorScheme: "dark" })
    await signsIn(watched)
    await row(watched, "A-1").click({ timeout: 60_000 })
    await watched.says(".order-standing", /To be confirmed/)
    await watched.context.setOffline(true)
    await watched.says(".board-note", /Not live/)
    await watched.says(".order-panel", /may have changed meanwhile/)
    await desk.place("Anita Borg", { external_id: "A-2" })
    await watched.context.setOffline(false)
    await watched.says(".board-row", /Anita Borg/, 60_000)
    await server.kill9()
    await watched.says(".board-note", /Not live/)
    await button(watched, "Confirm").click()
    await watched.says(".order-commands", /cannot be reached/)
    await server.startAgain()
    await button(watched, "Confirm").click({ timeout: 60_000 })
    await watched.says(".order-standing", /Waiting for a driver/, 60_000)
    isDiscreet(watched)
  })

  it("fits a phone", { timeout: 150_000 }, async () => {
    const server = await ServerProcess.start((await serverServices()).environment)
    const desk = await OrderDesk.open(server)
    await desk.ship("Mary Somerville", { ...berlin, external_id: "A-1", window: windowIn(5, 15) })
    const watched = await browser.open(`${server.url}/console/orders`, phone)
    await signsIn(watched)
    await watched.says(".board-row", /Due in 1\d min/, 60_000)
    expect(await watched.blemishes()).toEqual([])
    await row(watched, "A-1").tap()
    await watched.says(".order-panel .timeline", /A driver is looked for|Shipment made/)
    expect(await watched.blemishes()).toEqual([])
    await button(watched, "Assign").tap()
    await watched.says("dialog", /No driver is near/)
    expect(await watched.blemishes()).toEqual([])
    isDiscreet(watched)
  })
})
