import { LatencyHistogram } from "../../src/client/LatencyHistogram.ts"
import type { OrderResult, OrderSpan } from "./OrderOperations.ts"

/** Places order `n`; what is wrong with the answer, or undefined. */
export type Place = (n: number) => Promise<string | undefined>

const roundMs = 1
const drainMs = 30_000

interface Count {
  begun: number
  total: number
  placed: number
  readonly histogram: LatencyHistogram
  readonly surprises: Record<string, number>
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Places orders closed or by the clock and counts those that were answered between the warm-up and the end. */
export const placeOrders = async (place: Place, atOnce: number, span: OrderSpan): Promise<OrderResult> => {
  const beganMs = performance.now()
  const fromMs = beganMs + span.warmUpS * 1_000
  const untilMs = fromMs + span.seconds * 1_000
  const count: Count = { begun: 0, total: 0, placed: 0, histogram: new LatencyHistogram(), surprises: {} }
  const one = async (dueMs: number): Promise<void> => {
    const wrong = await place(count.begun++).catch(String)
    const now = performance.now()
    if (wrong !== undefined) count.surprises[wrong] = (count.surprises[wrong] ?? 0) + 1
    else count.total++
    if (now < fromMs || now >= untilMs || wrong !== undefined) return
    count.placed++
    if (dueMs >= fromMs) count.histogram.record(now - dueMs)
  }
  let cpuFrom = process.cpuUsage()
  let cpuS = 0
  const watch = Promise.all([
    pause(fromMs - beganMs).then(() => {
      cpuFrom = process.cpuUsage()
    }),
    pause(untilMs - beganMs).then(() => {
      const { user, system } = process.cpuUsage(cpuFrom)
      cpuS = (user + system) / 1e6
    })
  ])
  if (span.ratePerS === undefined) {
    const lane = async (): Promise<void> => {
      while (performance.now() < untilMs) await one(performance.now())
    }
    await Promise.all(Array.from({ length: atOnce }, lane))
  } else await placePaced(one, span.ratePerS, beganMs, untilMs)
  await watch
  return {
    placed: count.placed,
    measuredMs: span.seconds * 1_000,
    total: count.total,
    p50: count.histogram.quantileMs(0.5) ?? Number.NaN,
    p99: count.histogram.quantileMs(0.99) ?? Number.NaN,
    cpuS,
    surprises: count.surprises
  }
}

const placePaced = async (
  one: (dueMs: number) => Promise<void>,
  ratePerS: number,
  beganMs: number,
  untilMs: number
): Promise<void> => {
  const spacingMs = 1_000 / ratePerS
  const underWay = new Set<Promise<void>>()
  for (let dueMs = beganMs; dueMs < untilMs; ) {
    for (const now = performance.now(); dueMs <= now && dueMs < untilMs; dueMs += spacingMs) {
      const placing = one(dueMs).finally(() => underWay.delete(placing))
      underWay.add(placing)
    }
    await pause(roundMs)
  }
  await Promise.race([Promise.all(underWay), pause(drainMs)])
}
