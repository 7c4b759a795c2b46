import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { Browser, phone, type WatchedPage } from "../kit/Browser.ts"
import { awaitsTyping, signsIn } from "../kit/ConsolePage.ts"
import { DrivingFleet } from "../kit/DrivingFleet.ts"
import { processAdmin, ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
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
  await awaitsTyping(watched)
  await page.keyboard.type(processAdmin.email)
  await page.keyboard.press("Tab")
  await page.keyboard.type("not the password")
  await page.keyboard.press("Enter")
  await watched.says("form", /E-mail and password do not match/)
  expect(await watched.blemishes()).toEqual([])
  // The browser writes every refused request to its console.
  watched.complaints.length = 0
}

const seesEverybody = async (watched: WatchedPage): Promise<void> => {
  await until(
    "every driver in the list",
    () => count(watched),
    (seen) => seen === names.length,
    60_000
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
  await watched.says(".details", /Deliveries\s*None/)
}

/** What Tab leads to, from the page's beginning, until it comes round: each by its name. A stop that does not show is marked. */
const tabStops = async ({ page }: WatchedPage): Promise<ReadonlyArray<string>> => {
  await page.locator("h1").first().click()
  await page.locator("body").evaluate((body) => {
    body.tabIndex = -1
    body.focus()
    body.removeAttribute("tabindex")
  })
  const stops: Array<string> = []
  for (;;) {
    await page.keyboard.press("Tab")
    const stop = await page.evaluate(() => {
      const focused = document.activeElement
      if (focused === null || focused === document.body || focused === document.documentElement) return undefined
      const ring = (element: Element): boolean => getComputedStyle(element).outlineStyle !== "none"
      const isSeen = ring(focused) || (focused.parentElement !== null && ring(focused.parentElement))
      const name = focused.getAttribute("aria-label") ?? focused.textContent ?? ""
      return `${name.replace(/\d+$/, "").trim()}${isSeen ? "" : " (not seen)"}`
    })
    if (stop === undefined || stop === stops[0]) return stops
    stops.push(stop)
  }
}

/** Closing the details by the key, and a way through everything by Tab. */
const leadsThroughByTab = async (watched: WatchedPage): Promise<void> => {
  const { page } = watched
  expect(await tabStops(watched)).toEqual([
    "Fleet",
    "Orders",
    "Keys ?",
    "Sign out",
    "Search drivers",
    ...["Available", "Assigned", "Carrying", "On a break", "Connected", "Offline"],
    "Drivers",
    ...["Map of the fleet", "Zoom in", "Zoom out", "Whole fleet"],
    ...["Close details", "Following", "Show on map"]
  ])
  await page.keyboard.press("Escape")
  await until(
    "the closed details",
    () => page.locator(".details").count(),
    (seen) => seen === 0
  )
  await page.locator("[role=listbox]").focus()
  await page.keyboard.press("ArrowDown")
  await page.keyboard.press("Enter")
  // Whoever stands first in what the map shows by now.
  await watched.says(".details", /Driver \d\d/)
}

/** The middle of every button in the panel belongs to that button, and the map's buttons to the map's. */
const coveredButtons = ({ page }: WatchedPage): Promise<ReadonlyArray<string>> =>
  page.evaluate(() =>
    [...document.querySelectorAll("button")]
      .filter((button) => button.checkVisibility() && !button.matches(".legend-item"))
      .filter((button) => {
        const { left, top, width, height } = button.getBoundingClientRect()
        const hit = document.elementFromPoint(left + width / 2, top + height / 2)
        return hit === null || !button.contains(hit)
      })
      .map((button) => button.getAttribute("aria-label") ?? button.textContent)
  )

const movesOn = async (watched: WatchedPage): Promise<void> => {
  const look = () => selection(watched)
  const before = await until("the chosen driver's marker", look, (style) => style !== null, 60_000)
  await until("the marker's way", look, (style) => style !== null && style !== before, 60_000)
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
  expect(await watched.blemishes()).toEqual([])
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
    timeout: 180_000
  }, async () => {
    const server = await ServerProcess.start((await serverServices()).environment)
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
    await leadsThroughByTab(watched)
    await hidesAStatus(watched)
    isDiscreet(watched)
    await watched.page.getByRole("button", { name: "Sign out" }).click()
    await watched.says("form", /Sign in to dispatch/)
    await watched.page.reload()
    await watched.says("form", /Sign in to dispatch/)
  })

  it("fits a phone, with nothing over anything that is to be touched", { timeout: 150_000 }, async () => {
    const server = await ServerProcess.start((await serverServices()).environment)
    await drive(server)
    const watched = await browser.open(`${server.url}/console`, phone)
    await signsIn(watched)
    await watched.says("[role=option]", /Driver 01/, 60_000)
    expect(await coveredButtons(watched)).toEqual([])
    await watched.page.locator("[role=option]", { hasText: "Driver 01" }).tap()
    await watched.says(".details", /Shown on the map/, 60_000)
    expect(await coveredButtons(watched)).toEqual([])
    expect(await watched.blemishes()).toEqual([])
    await watched.page.getByRole("button", { name: "Close details" }).tap()
    // The driver may have left what the map shows by now.
    await watched.page.getByRole("button", { name: "Whole fleet" }).tap()
    await watched.says("[role=option]", /Driver 01/, 60_000)
    isDiscreet(watched)
  })

  it("comes back by itself after a lost network and a killed server, with what was chosen", {
    timeout: 300_000
  }, async () => {
    const server = await ServerProcess.start((await serverServices()).environment)
    await drive(server)
    const watched = await browser.open(`${server.url}/console`, {
      colorScheme: "dark",
      reducedMotion: "no-preference"
    })
    const becomes = (word: string) =>
      until(
        `the connection's word ${word}`,
        () => state(watched),
        (seen) => seen === word,
        120_000
      )
    await signsIn(watched)
    await watched.says("[role=option]", /Driver 01/, 60_000)
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
