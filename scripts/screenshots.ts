import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core"
import { defaultHomeRoot } from "../src/embedded/Home.ts"
import { findChromium } from "../test/kit/Chromium.ts"

const usage = `Takes the README's pictures of a running demo with a hundred drivers or more:

  DROPMATE_ADMIN_EMAIL=... DROPMATE_ADMIN_PASSWORD=... node scripts/screenshots.ts http://127.0.0.1:8080 TRACKING_LINK [FOLDER]

TRACKING_LINK is one that the demo prints, best of a delivery on the way. FOLDER is docs/images unless given.`

const readyMs = 120_000
const desk = { viewport: { width: 1440, height: 900 } } satisfies BrowserContextOptions
const phone = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true
} satisfies BrowserContextOptions

/** What a picture is of, and what has to be done until it is worth taking. */
interface Picture {
  readonly file: string
  readonly url: string
  readonly options: BrowserContextOptions
  readonly prepare: (page: Page) => Promise<void>
}

const signIn = async (page: Page): Promise<void> => {
  const { DROPMATE_ADMIN_EMAIL: email = "", DROPMATE_ADMIN_PASSWORD: password = "" } = process.env
  await page.fill("input[name=email]", email)
  await page.fill("input[name=password]", password)
  await page.keyboard.press("Enter")
  await page.locator("[role=option]").first().waitFor({ timeout: readyMs })
  await page.locator(".maplibregl-canvas").waitFor({ timeout: readyMs })
}

/** For a picture there is no condition to wait for: markers come, and the camera comes to rest. */
const settle = (page: Page, ms: number): Promise<void> => page.waitForTimeout(ms)

const choose = async (page: Page, status: string): Promise<void> => {
  await page.locator("[role=option]", { hasText: status }).first().click()
  await page.locator(".details", { hasText: "Shown on the map" }).waitFor({ timeout: readyMs })
  await page.keyboard.press("f")
  // Far enough to see where the driver is in the city.
  await page.getByRole("button", { name: "Zoom out" }).click()
  await settle(page, 6_000)
}

/** The board, with an order that is on its way. */
const board = async (page: Page): Promise<void> => {
  await signIn(page)
  await page.locator(".late-only").waitFor({ timeout: readyMs })
  await page.getByRole("combobox", { name: "Search orders" }).fill("to the door")
  await page.locator(".board-row[data-stage=underWay]").first().click({ timeout: readyMs })
  await page.locator(".order-panel .timeline").waitFor({ timeout: readyMs })
  await page.getByRole("combobox", { name: "Search orders" }).fill("")
  await page.locator(".order-panel h2").focus()
  await settle(page, 6_000)
}

const consoleOf = (page: Page, status: string) => signIn(page).then(() => choose(page, status))

const followed = async (page: Page): Promise<void> => {
  await page.locator(".van").waitFor({ timeout: readyMs })
  await settle(page, 6_000)
}

const picturesOf = (server: string, link: string): ReadonlyArray<Picture> => [
  {
    file: "console.png",
    url: `${server}/console`,
    options: desk,
    prepare: async (page) => {
      await signIn(page)
      await settle(page, 8_000)
    }
  },
  {
    file: "console-dark.png",
    url: `${server}/console`,
    options: { ...desk, colorScheme: "dark" },
    prepare: (page) => consoleOf(page, "Carrying")
  },
  {
    file: "console-phone.png",
    url: `${server}/console`,
    options: phone,
    prepare: (page) => consoleOf(page, "Carrying")
  },
  { file: "board.png", url: `${server}/console/orders`, options: desk, prepare: board },
  { file: "tracking.png", url: link, options: phone, prepare: followed }
]

const take = async (browser: Browser, { file, url, options, prepare }: Picture, folder: string): Promise<void> => {
  const context = await browser.newContext({ locale: "en-GB", ...options })
  const page = await context.newPage()
  await page.goto(url)
  await prepare(page)
  await page.screenshot({ path: join(folder, file) })
  await context.close()
  process.stderr.write(`dropmate: ${join(folder, file)}\n`)
}

const takeAll = async (server: string, link: string, folder: string): Promise<void> => {
  mkdirSync(folder, { recursive: true })
  const { file, libraryPath } = await findChromium(process.env.DROPMATE_CACHE ?? join(defaultHomeRoot, "cache"))
  const env = { ...process.env, ...(libraryPath === undefined ? {} : { LD_LIBRARY_PATH: libraryPath }) }
  const browser = await chromium.launch({ executablePath: file, args: ["--disable-gpu", "--no-sandbox"], env })
  try {
    for (const picture of picturesOf(server, link)) await take(browser, picture, folder)
  } finally {
    await browser.close()
  }
}

const [server, link, folder = "docs/images"] = process.argv.slice(2)
if (server === undefined || link === undefined) {
  process.stderr.write(`${usage}\n`)
  process.exitCode = 2
} else await takeAll(server, link, folder)
