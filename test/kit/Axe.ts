import axe from "axe-core"
import type { Page } from "playwright-core"

/** Runs in the page. */
const audit = `axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
  violations.flatMap(({ id, nodes }) => nodes.map(({ target, html }) => id + " at " + target.join(" ") + ": " + html.slice(0, 120))))`

/** What axe finds in a page as it is now, one line for each element. Through the debugger: the page's own policy allows no such script. */
export const violationsOf = async (page: Page): Promise<ReadonlyArray<string>> => {
  const session = await page.context().newCDPSession(page)
  try {
    await session.send("Runtime.evaluate", { expression: axe.source, allowUnsafeEvalBlockedByCSP: true })
    const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
      expression: audit,
      awaitPromise: true,
      returnByValue: true
    })
    if (exceptionDetails !== undefined) throw new Error(`axe failed: ${exceptionDetails.text}`)
    return result.value as ReadonlyArray<string>
  } finally {
    await session.detach()
  }
}
