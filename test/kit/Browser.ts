import {
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
  type Browser as Playwright
} from "playwright-core"
import { inject } from "vitest"
import { violationsOf } from "./Axe.ts"
import { findChromium } from "./Chromium.ts"

const flags = [
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  // Chromium's own sandbox needs rights that a container does not give; the pages are ours.
  "--no-sandbox"
]

/** A phone in somebody's hand. */
export const phone = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true
} as const satisfies BrowserContextOptions

/** Messages that the driver of a machine without a graphics card writes about itself. */
const isAboutTheMachine = (text: string): boolean => /GL Driver Message|Automatic fallback to software WebGL/.test(text)

/** Requests that fail while the test has the server or the network away. */
const isAboutTheNetwork = (text: string): boolean => /net::ERR_|WebSocket connection to/.test(text)

/** A browser for a test file. */
export class Browser {
  private readonly playwright: Playwright

  private constructor(playwright: Playwright) {
    this.playwright = playwright
  }

  static async launch(): Promise<Browser> {
    const { file, libraryPath } = await findChromium(inject("cacheDir"))
    const env = { ...process.env, ...(libraryPath === undefined ? {} : { LD_LIBRARY_PATH: libraryPath }) }
    return new Browser(await chromium.launch({ executablePath: file, args: flags, env }))
  }

  /**
   * A page in a fresh profile, whose console and requests are written down. Nothing glides unless the test asks for it: a map that
   * is drawn sixty times a second without a graphics card takes both cores, and everything else waits.
   */
  async open(url: string, options: BrowserContextOptions = {}): Promise<WatchedPage> {
    const reducedMotion = options.reducedMotion ?? "reduce"
    const context = await this.playwright.newContext({
      viewport: { width: 1280, height: 800 },
      ...options,
      reducedMotion
    })
    const page = await context.newPage()
    const watched = new WatchedPage(context, page, reducedMotion)
    await page.goto(url)
    return watched
  }

  close(): Promise<void> {
    return this.playwright.close()
  }
}

/** A page, and what it said and asked for. */
export class WatchedPage {
  readonly page: Page
  readonly context: BrowserContext
  /** Errors and warnings, except what is about the machine, or about a server or network that the test took away. */
  readonly complaints: Array<string> = []
  /** URLs of requests and sockets. */
  readonly requested: Array<string> = []

  private readonly reducedMotion: "reduce" | "no-preference"

  constructor(context: BrowserContext, page: Page, reducedMotion: "reduce" | "no-preference") {
    this.context = context
    this.page = page
    this.reducedMotion = reducedMotion
    page.on("console", (message) => {
      const text = message.text()
      if (!["error", "warning"].includes(message.type()) || isAboutTheMachine(text) || isAboutTheNetwork(text)) return
      this.complaints.push(`${text} (${message.location().url})`)
    })
    page.on("pageerror", (error) => void this.complaints.push(error.message))
    page.on("request", (request) => void this.requested.push(request.url()))
    page.on("websocket", (socket) => void this.requested.push(socket.url()))
  }

  /** Waits until the element's text matches. */
  async says(selector: string, text: RegExp, timeoutMs = 15_000): Promise<void> {
    await this.page.locator(selector).filter({ hasText: text }).first().waitFor({ timeout: timeoutMs })
  }

  /** How many pixels of the screen have nearly this colour (`#rrggbb`). */
  async pixelsOf(colour: string): Promise<number> {
    const shot = (await this.page.screenshot()).toString("base64")
    return this.page.evaluate(
      async ([png, hex]) => {
        const bytes = Uint8Array.from(atob(png ?? ""), (char) => char.charCodeAt(0))
        const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }))
        const pen = new OffscreenCanvas(image.width, image.height).getContext("2d")
        if (pen === null) throw new Error("this browser cannot draw")
        pen.drawImage(image, 0, 0)
        const { data } = pen.getImageData(0, 0, image.width, image.height)
        const wanted = [1, 3, 5].map((at) => Number.parseInt((hex ?? "").slice(at, at + 2), 16))
        let count = 0
        for (let i = 0; i < data.length; i += 4)
          if (wanted.every((value, j) => Math.abs((data[i + j] ?? 0) - value) < 12)) count++
        return count
      },
      [shot, colour]
    )
  }

  /**
   * What axe finds against WCAG 2.2 AA and good practice, light and dark, and whether the page is wider than the screen. Leaves the
   * page in its light colours.
   */
  async blemishes(): Promise<ReadonlyArray<string>> {
    const found: Array<string> = []
    for (const [colorScheme, what] of [
      ["dark", "colours"],
      ["light", "all"]
    ] as const) {
      await this.page.emulateMedia({ colorScheme, reducedMotion: "reduce" })
      for (const violation of await violationsOf(this.page, what)) found.push(`${colorScheme}: ${violation}`)
    }
    await this.page.emulateMedia({ reducedMotion: this.reducedMotion })
    if (await this.page.evaluate(() => document.documentElement.scrollWidth > innerWidth))
      found.push("wider than the screen")
    return found
  }
}
