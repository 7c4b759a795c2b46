import { writeSync } from "node:fs"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

// Preloaded into a server that a test watches (`node --import`). SIGUSR2 makes it write what it saw since the last time, as one line
// of JSON to stderr, where its log goes too.

const lookEveryMs = 5
/** What counts as a stall: the loop was not free for longer, and this thread was at work for all of it. */
const stallMs = 50

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

const delay = monitorEventLoopDelay({ resolution: lookEveryMs })
delay.enable()

const threadMs = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

let busyStalls = 0
let longestBusyMs = 0
let lookedAtMs = performance.now()
let workedMs = threadMs()

/**
 * A gap on a machine that others use too may be theirs. So the thread's own CPU time within the gap is what is counted: a loop that
 * stalls because of what we do burns all of it.
 */
const look = (): void => {
  const nowMs = performance.now()
  const nowWorkedMs = threadMs()
  const busyMs = Math.min(nowMs - lookedAtMs, nowWorkedMs - workedMs)
  if (busyMs > stallMs) busyStalls++
  longestBusyMs = Math.max(longestBusyMs, busyMs)
  lookedAtMs = nowMs
  workedMs = nowWorkedMs
}
setInterval(look, lookEveryMs).unref()

process.on("SIGUSR2", () => {
  look()
  const round = (ms: number): number => Math.round(ms * 10) / 10
  const seen = {
    delayP50Ms: round(delay.percentile(50) / 1e6),
    delayP99Ms: round(delay.percentile(99) / 1e6),
    delayMaxMs: round(delay.max / 1e6),
    busyStalls,
    longestBusyMs: round(longestBusyMs)
  }
  collect()
  writeSync(2, `${JSON.stringify({ level: "INFO", message: ["loop_watch", { ...seen, ...process.memoryUsage() }] })}\n`)
  delay.reset()
  busyStalls = 0
  longestBusyMs = 0
  // The collection was ours.
  lookedAtMs = performance.now()
  workedMs = threadMs()
})
