import { fileURLToPath } from "node:url"
import type { ServerEnvironment, ServerProcess } from "./ServerProcess.ts"
import { until } from "./Until.ts"

/** What a watched server's event loop did since it was asked last, and its memory after a collection. */
export interface LoopReport {
  readonly delayP50Ms: number
  readonly delayP99Ms: number
  readonly delayMaxMs: number
  /** Times that the loop was not free for more than 50 ms because of the server's own work. */
  readonly busyStalls: number
  readonly longestBusyMs: number
  readonly rss: number
  readonly heapUsed: number
  readonly external: number
  readonly arrayBuffers: number
}

/** Environment of a server whose loop is to be watched. */
export const watchedLoop: ServerEnvironment = {
  NODE_OPTIONS: `--import=${fileURLToPath(new URL("LoopWatch.ts", import.meta.url))}`
}

const reportsOf = (server: ServerProcess): ReadonlyArray<LoopReport> =>
  server
    .log()
    .filter(({ event }) => event === "loop_watch")
    .map(({ text }) => (JSON.parse(text) as { readonly message: readonly [string, LoopReport] }).message[1])

/** Asks a server that was started with `watchedLoop`. */
export const loopReport = async (server: ServerProcess): Promise<LoopReport> => {
  const before = reportsOf(server).length
  server.signal("SIGUSR2")
  const reports = await until(
    "the server's report of its loop",
    () => reportsOf(server),
    ({ length }) => length > before,
    30_000
  )
  return reports[before] as LoopReport
}
