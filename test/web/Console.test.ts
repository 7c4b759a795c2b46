import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { Browser, type WatchedPage } from "../kit/Browser.ts"
import { DrivingFleet } from "../kit/DrivingFleet.ts"
import { processAdmin, ServerProcess } from "../kit/ServerProcess.ts"
import { until } from "../kit/Until.ts"

const names = Array.from({ length: 24 }, (_, i) => `Driver ${String(i + 1).padStart(2, "0")}`)

const count = ({ page }: WatchedPage): Promise<number> =>
  page.locator("[data-count]").getAttribute("data-count").then(Number)
const state = ({ page }: WatchedPage): Promise<string | null> => page.locator("[data-state]").getAttribute("data-state")

/** Where the chosen driver's marker stands, in the map's own words; null while there is none. */
const selection = async ({ page }: WatchedPage): Promise<string | null> =>
  (await page.locator(".selection").count()) === 0 ? null : page.locator(".selection").getAttribute("style")

const drive = async (server: ServerProcess): Promise<void> => {
  const fleet = await DrivingFleet.start(server, names)
  onTestFinished(() => fleet.stop())
}

const refusesAWrongPassword = async (watched: WatchedPage): Promise<void> => {
  const { page } = watched
  await page.keyboard.type(processAdmin.email)
  await page.keyboard.press("Tab")
  await page.keyboard.type("not the password")
  await page.keyboard.press("Enter")
  await watched.says("form", /E-mail and password do not match/)
  expect(await watched.blemishes()).toEqual([])
  // The browser writes every refused request to its console.
  watched.complaints.length = 0
}

const signsIn = async ({ page }: WatchedPage): Promise<void> => {
  await page.fill("input[name=email]", processAdmin.email)
  await page.fill("input[name=password]", processAdmin.password)
  await page.keyboard.press("Enter")
}

const seesEverybody = async (watched: WatchedPage): Promise<void> => {
  await until(
    "every driver in the list",
    () => count(watched),
    (seen) => seen === names.length,
    30_000
  )
  await until(
    "markers on the map",
    () => watched.pixelsOf("#0b7d55"),
    (seen) => seen > names.length * 40,
    20_000
  )
}

const choosesByKeyboard = async (watched: WatchedPage): Promise<void> => {
  const { page } = watched
  await page.keyboard.press("/")
  await page.keyboard.type("driver 1")
  // 01, 10 and 11: the third row.
  await watched.says("[role=option]", /Driver 10/)
  await page.keyboard.press("ArrowDown")
  await page.keyboard.press("ArrowDown")
  await page.keyboard.press("ArrowDown")
  await page.keyboard.press("Enter")
  await watched.says(".details", /Driver 11/)
  await movesOn(watched)
  await watched.says(".details", /km\/h/)
  await watched.says(".details", /Shown on the map/)
}

const movesOn = async (watched: WatchedPage): Promise<void> => {
  const look = () => selection(watched)
  const before = await until("the chosen driver's marker", look, (style) => style !== null, 60_000)
  await until("the marker's way", look, (style) => style !== null && style !== before, 20_000)
}

const followsAndAsksForHelp = async (watched: WatchedPage): Promise<void> => {
  const { page } = watched
  // The first step back clears the search, and letters mean keys again outside the field.
  await page.keyboard.press("Escape")
  await page.locator("h1").first().click()
  await page.locator("input[type=search]").blur()
  await page.keyboard.press("f")
  await watched.says(".details", /Following/)
  await page.keyboard.press("?")
  await watched.says("dialog", /search drivers/)
  await page.keyboard.press("Escape")
  await until(
    "the closed dialog",
    () => page.locator("dialog").count(),
    (seen) => seen === 0
  )
  await watched.says(".details", /Driver 11/)
}

const hidesAStatus = async (watched: WatchedPage): Promise<void> => {
  const available = watched.page.locator(".legend-item", { hasText: "Available" })
  await available.click()
  await watched.says(".list-empty", /No driver in this part/)
  await available.click()
  await watched.says("[role=option]", /Driver/)
}

const isDiscreet = (watched: WatchedPage): void => {
  expect(watched.complaints).toEqual([])
  for (const url of watched.requested) {
    const { hostname, protocol } = new URL(url)
    expect(protocol === "data:" || protocol === "blob:" || hostname === "127.0.0.1", url).toBe(true)
    expect(url).not.toMatch(/eyJ|token=/)
  }
}

describe("the dispatcher's console", () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await Browser.launch()
  }, 400_000)
  afterAll(() => browser?.close())

  it("signs a dispatcher in, shows the fleet as it moves, and is worked by keyboard", {
    timeout: 120_000
  }, async () => {
    const server = await ServerProcess.start()
    const watched = await browser.open(`${server.url}/`)
    expect(watched.page.url()).toBe(`${server.url}/console`)
    await refusesAWrongPassword(watched)
    await signsIn(watched)
    await watched.says(".empty", /No drivers on the road yet/)
    expect(await state(watched)).toBe("live")
    await drive(server)
    await seesEverybody(watched)
    expect(await watched.blemishes()).toEqual([])
    await choosesByKeyboard(watched)
    await followsAndAsksForHelp(watched)
    await hidesAStatus(watched)
    isDiscreet(watched)
    await watched.page.getByRole("button", { name: "Sign out" }).click()
    await watched.says("form", /Sign in to dispatch/)
    await watched.page.reload()
    await watched.says("form", /Sign in to dispatch/)
  })

  it("comes back by itself after a lost network and a killed server, with what was chosen", {
    timeout: 150_000
  }, async () => {
    const server = await ServerProcess.start()
    await drive(server)
    const watched = await browser.open(`${server.url}/console`, { colorScheme: "dark" })
    const becomes = (word: string) =>
      until(
        `the connection's word ${word}`,
        () => state(watched),
        (seen) => seen === word,
        60_000
      )
    await signsIn(watched)
    await watched.says("[role=option]", /Driver 24|Driver 01/)
    await choosesByKeyboard(watched)
    await watched.context.setOffline(true)
    await becomes("offline")
    await watched.context.setOffline(false)
    await becomes("live")
    await movesOn(watched)
    await server.kill9()
    await until(
      "the honest word",
      () => state(watched),
      (seen) => seen === "waiting" || seen === "connecting"
    )
    await server.startAgain()
    await becomes("live")
    await watched.says(".details", /Driver 11/)
    await movesOn(watched)
    isDiscreet(watched)
  })
})
