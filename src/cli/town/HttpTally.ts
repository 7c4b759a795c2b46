import { readProblem } from "../../client/Problem.ts"
import type { Finding } from "../fleet/Violation.ts"

/** Answers that were no success, by code, counted as they come; those that were repeated and then succeeded are among them. */
export class HttpTally {
  private readonly counts = new Map<string, number>()

  /** `fetch`, counted. */
  readonly fetch: typeof fetch = async (input, init) => {
    try {
      const response = await fetch(input, init)
      if (!response.ok) this.note((await readProblem("", response.clone())).code)
      return response
    } catch (cause) {
      this.note("no_answer")
      throw cause
    }
  }

  get byCode(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.counts].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** Answers that say that the server itself is at fault. */
  get failures(): ReadonlyArray<Finding> {
    const count = this.counts.get("internal_error")
    return count === undefined ? [] : [{ invariant: "the server never fails", id: "server", seen: `${count} times` }]
  }

  private note(code: string): void {
    this.counts.set(code, (this.counts.get(code) ?? 0) + 1)
  }
}
