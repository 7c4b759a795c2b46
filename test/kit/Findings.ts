import type { Answer } from "./RestCaller.ts"
import { type TriedRoute, trialOf } from "./RouteTrials.ts"
import type { RowChanges } from "./RowWatch.ts"
import type { Stranger } from "./Stranger.ts"

/** What somebody got of others, in words, each beginning with who asked what. */
export class Findings {
  readonly leaks: Array<string> = []

  /** An answer, which may tell of others. */
  answered(who: string, route: TriedRoute, stranger: Stranger, answer: Answer): void {
    if (stranger.reachesAll(route)) return
    // `instance` is the request's own path, with the id that it named.
    const { instance: _, ...told } = answer.body
    const isProblem = answer.headers.get("content-type")?.includes("problem") === true
    const found = stranger.leaksIn(isProblem ? JSON.stringify(told) : answer.text)
    if (found.length > 0) this.leaks.push(`${who} ${route.name} ${answer.status}: told ${found.join(", ")}`)
  }

  /** What a socket was sent. */
  heard(who: string, where: string, stranger: Stranger, frames: unknown): void {
    const found = stranger.leaksIn(JSON.stringify(frames))
    if (found.length > 0) this.leaks.push(`${who} ${where}: told ${found.join(", ")}`)
  }

  /** Two answers, about what is foreign and about what is absent, which ought to be one. */
  compared(who: string, route: TriedRoute, foreign: string, absent: string): void {
    if (foreign !== absent && trialOf(route).tellsApart === undefined)
      this.leaks.push(`${who} ${route.name}: foreign ${foreign} but absent ${absent}`)
  }

  /** Rows of others that a stranger changed or made. */
  intruded(stranger: Stranger, what: string, changes: RowChanges): void {
    const rows = stranger.intrusionsIn(changes)
    if (rows.length > 0) this.leaks.push(`${stranger.name} ${what}: changed ${rows.join("; ")}`)
  }

  /** Rows that changed where none may. */
  disturbed(who: string, what: string, { gone, made }: RowChanges): void {
    const rows = [...gone, ...made].map(({ table, row }) => `${table} ${row}`)
    if (rows.length > 0) this.leaks.push(`${who} ${what}: changed ${rows.join("; ")}`)
  }

  /** Something else that is wrong. */
  add(text: string): void {
    this.leaks.push(text)
  }
}
