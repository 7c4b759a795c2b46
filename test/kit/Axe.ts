import axe from "axe-core"
import type { Page } from "playwright-core"

/** What depends on the page's colours; everything else is the same in light and dark. */
const rulesOfColour = ["color-contrast", "link-in-text-block"]

/** Runs in the page. */
const audit = (rules: ReadonlyArray<string> | undefined): string =>
  `axe.run(document, ${JSON.stringify({ resultTypes: ["violations"], ...(rules && { runOnly: rules }) })}).then(({ violations }) =>
  violations.flatMap(({ id, nodes }) => nodes.map(({ target, html }) => id + " at " + target.join(" ") + ": " + html.slice(0, 120))))`

/** What axe finds in a page as it is now, one line for each element. Through the debugger: the page's own policy allows no such script. */
export const violationsOf = async (page: Page, what: "all" | "colours"): Promise<ReadonlyArray<string>> => {
  const session = await page.context().newCDPSession(page)
  try {
    await session.send("Runtime.evaluate", {
      expression: `typeof axe === "undefined" && (() => { ${axe.source} })()`,
      allowUnsafeEvalBlockedByCSP: true
    })
    const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
      expression: audit(what === "colours" ? rulesOfColour : undefined),
      awaitPromise: true,
      returnByValue: true
    })
    if (exceptionDetails !== undefined) throw new Error(`axe failed: ${exceptionDetails.text}`)
    return result.value as ReadonlyArray<string>
  } finally {
    await session.detach()
  }
}
