import type { WatchedPage } from "./Browser.ts"
import { processAdmin } from "./ServerProcess.ts"

/** The form puts the cursor into the first field a moment after the page has loaded: what is typed before goes nowhere. */
export const awaitsTyping = ({ page }: WatchedPage): Promise<void> =>
  page.locator("input[name=email]:focus").waitFor({ timeout: 60_000 })

/** Signs the administrator in on the console's page. */
export const signsIn = async ({ page }: WatchedPage): Promise<void> => {
  await page.fill("input[name=email]", processAdmin.email)
  await page.fill("input[name=password]", processAdmin.password)
  await page.keyboard.press("Enter")
}
