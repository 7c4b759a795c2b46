import { DriverClient } from "../../client/DriverClient.ts"
import type { DriverClientOptions } from "../../client/DriverClientOptions.ts"
import type { DriverCounters } from "../../client/DriverCounters.ts"
import type { StopReason } from "../../client/DriverEvents.ts"
import { LatencyHistogram } from "../../client/LatencyHistogram.ts"

/** Nothing was acknowledged for too long while points were waiting. */
export class FleetStuck extends Error {
  constructor(waitedMs: number, pending: number) {
    super(
      `gave up: nothing was acknowledged for ${Math.round(waitedMs / 1_000)} s, ${pending} points are not acknowledged`
    )
    this.name = "FleetStuck"
  }
}

/** A driver's client stopped for good before its points were acknowledged. */
export class FleetStopped extends Error {
  constructor(stopped: number, name: string, stop: StopReason) {
    const why = stop.kind === "closed" ? `close code ${stop.code} ${stop.reason}` : stop.kind
    super(`${stopped} drivers were turned away for good, the first was ${name}: ${why}`)
    this.name = "FleetStopped"
  }
}

const watchEveryMs = 100
/** Connecting is spread out: this many sockets are opened a second. */
const connectsPerSecond = 1_000

/** Many driver clients in one process, counted together. */
export class ClientFleet {
  readonly ackLatency = new LatencyHistogram()
  readonly clients: Array<DriverClient> = []
  private readonly names: Array<string> = []
  private firstTokenFailure: unknown

  add(name: string, options: DriverClientOptions): DriverClient {
    const client = new DriverClient({ ...options, ackLatency: this.ackLatency })
    client.on("tokenFailed", ({ cause }) => {
      this.firstTokenFailure ??= cause
    })
    this.clients.push(client)
    this.names.push(name)
    return client
  }

  /** Starts all clients, a few at a time so that neither side's backlog of connections overflows. */
  async start(signal: AbortSignal): Promise<void> {
    for (const [index, client] of this.clients.entries()) {
      if (index > 0 && index % (connectsPerSecond / 20) === 0) await pause(50, signal)
      await client.start()
    }
  }

  total(name: keyof DriverCounters): number {
    let sum = 0
    for (const client of this.clients) sum += client.counters[name]
    return sum
  }

  get pending(): number {
    let sum = 0
    for (const client of this.clients) sum += client.pending
    return sum
  }

  get live(): number {
    let count = 0
    for (const client of this.clients) if (client.state === "live") count++
    return count
  }

  /**
   * Watches until `isDone`. Throws `FleetStuck` when nothing is acknowledged for `giveUpAfterMs` while something could be, and
   * `FleetStopped` as soon as a client has stopped for good. `told` is called several times a second.
   */
  async watch(isDone: () => boolean, giveUpAfterMs: number, told: () => void, signal: AbortSignal): Promise<void> {
    let acked = this.total("acked")
    let progressAtMs = performance.now()
    while (!isDone()) {
      await pause(watchEveryMs, signal)
      told()
      this.throwIfStopped()
      const ackedNow = this.total("acked")
      if (ackedNow !== acked || (this.pending === 0 && this.live > 0)) progressAtMs = performance.now()
      acked = ackedNow
      const waitedMs = performance.now() - progressAtMs
      if (waitedMs <= giveUpAfterMs) continue
      throw this.firstTokenFailure ?? new FleetStuck(waitedMs, this.pending)
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.stop()))
  }

  private throwIfStopped(): void {
    const first = this.clients.findIndex((client) => client.stopped !== undefined)
    const stop = this.clients[first]?.stopped
    if (stop === undefined) return
    const stopped = this.clients.filter((client) => client.stopped !== undefined).length
    throw new FleetStopped(stopped, this.names[first] ?? "", stop)
  }
}

/** Waits; rejects with the signal's reason when it fires. */
export const pause = (delayMs: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop)
      resolve()
    }, delayMs)
    signal.addEventListener("abort", stop, { once: true })
  })

/** Milliseconds to a tenth, for a report. */
export const quantileForReport = (latency: LatencyHistogram, share: number): number | null => {
  const value = latency.quantileMs(share)
  return value === undefined ? null : Math.round(value * 10) / 10
}
