import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Browser, type WatchedPage } from "../kit/Browser.ts"
import { signsIn } from "../kit/ConsolePage.ts"
import { ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { operatorsLand, type StyleAnswer, StyleServer } from "../kit/StyleServer.ts"
import { until } from "../kit/Until.ts"

/** `--map-arterial` of the light theme: a street of the simulated city. */
const ownStreet = "#fdf3d3"
const note = ".map-side-note"

const draws = (watched: WatchedPage, colour: string): Promise<number> =>
  until(
    `pixels of ${colour}`,
    () => watched.pixelsOf(colour),
    (seen) => seen > 500,
    60_000
  )

const showsTheOperators = async (watched: WatchedPage): Promise<void> => {
  await draws(watched, operatorsLand)
  expect(await watched.page.locator(note).count()).toBe(0)
  expect(await watched.pixelsOf(ownStreet)).toBeLessThan(100)
}

const showsItsOwn = async (watched: WatchedPage): Promise<void> => {
  await watched.says(note, /street map cannot be reached/, 60_000)
  await draws(watched, ownStreet)
  expect(await watched.pixelsOf(operatorsLand)).toBe(0)
}

describe("a map of the operator's choice", () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await Browser.launch()
  }, 400_000)
  afterAll(() => browser?.close())

  it("is drawn when it comes, and replaced by the product's own with a quiet note when it does not", {
    timeout: 240_000
  }, async () => {
    const styles = await StyleServer.start()
    const { environment } = await serverServices()
    const server = await ServerProcess.start({ ...environment, MAP_STYLE_URL: styles.styleUrl })
    const watched = await browser.open(`${server.url}/console`)
    await signsIn(watched)
    await showsTheOperators(watched)
    for (const answer of ["something else", "an error", "a style whose tiles fail"] satisfies Array<StyleAnswer>) {
      styles.answer = answer
      await watched.page.reload()
      await showsItsOwn(watched)
    }
    styles.stop()
    await watched.page.reload()
    await showsItsOwn(watched)
    const aboutOthers = watched.complaints.filter((text) => !text.includes(styles.styleUrl.replace("style.json", "")))
    expect(aboutOthers).toEqual([])
  })
})
