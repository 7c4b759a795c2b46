import { LatencyHistogram } from "../../src/client/LatencyHistogram.ts"
import { answer } from "../process/Answering.ts"
import type { Dialect } from "./Dialect.ts"
import { socketIoDialect, wsJsonDialect } from "./JsonDialects.ts"
import { LoadClient, type LoadShared } from "./LoadClient.ts"
import type { LoadOperations, LoadPlan, LoadSample, Pace } from "./LoadOperations.ts"
import { messagePackDialect } from "./MessagePackDialect.ts"

/** HELLOs in flight while connecting. */
const connectsAtOnce = 64
/** How often a paced load looks at its schedule. Latencies include this wait, as they include the kernel's. */
const paceEveryMs = 1
const drainPollMs = 5

const dialectOf = (plan: LoadPlan): Dialect => {
  switch (plan.dialect) {
    case "messagepack":
      return messagePackDialect(plan.framePoints)
    case "ws-json":
      return wsJsonDialect()
    case "socket.io":
      return socketIoDialect()
  }
}

/** The clients of one plan and what they have counted. */
class Load {
  private readonly clients: Array<LoadClient> = []
  private readonly plan: LoadPlan
  private readonly shared: LoadShared
  private acked = 0
  private sent = 0
  private surprises = new Map<string, number>()
  private latency = new LatencyHistogram()
  private measureFromMs = Number.POSITIVE_INFINITY
  private closing = false
  /** A paced load's schedule: frame k of all belongs to socket k mod n and is due at startMs + k * everyMs. */
  private schedule:
    | { readonly startMs: number; readonly everyMs: number; next: number; readonly firstSeq: ReadonlyArray<number> }
    | undefined
  private timer: NodeJS.Timeout | undefined

  constructor(plan: LoadPlan) {
    this.plan = plan
    this.shared = {
      dialect: dialectOf(plan),
      framePoints: plan.framePoints,
      nowMs: () => performance.now(),
      sent: (points) => {
        this.sent += points
      },
      acked: (client, points, from) => this.onAcked(client, points, from),
      surprised: (text) => {
        if (!this.closing) this.surprises.set(text, (this.surprises.get(text) ?? 0) + 1)
      }
    }
  }

  async connect(): Promise<void> {
    const { host, port, identities } = this.plan
    const target = { host, port, path: this.shared.dialect.path }
    let next = 0
    const one = async (): Promise<void> => {
      while (next < identities.length) {
        const index = next++
        const identity = identities[index] as (typeof identities)[number]
        const client = new LoadClient(index, target, identity, this.shared)
        this.clients[index] = client
        await client.welcomed
      }
    }
    await Promise.all(Array.from({ length: connectsAtOnce }, one))
  }

  begin(pace: Pace): void {
    for (const client of this.clients) client.windowPoints = pace.windowPoints
    if (pace._tag === "Closed") for (const client of this.clients) client.send(Number.POSITIVE_INFINITY)
    else {
      this.schedule = {
        startMs: performance.now(),
        everyMs: (1_000 * this.plan.framePoints) / pace.pointsPerS,
        next: 0,
        firstSeq: this.clients.map((client) => client.track.seq)
      }
      this.timer = setInterval(() => this.pace(), paceEveryMs)
    }
  }

  /** Latencies of what is due from now on count, and nothing before. */
  measure(): void {
    this.latency = new LatencyHistogram()
    this.measureFromMs = performance.now()
  }

  sample(): LoadSample {
    const { user, system } = process.cpuUsage()
    const { latency } = this
    return {
      atMs: performance.now(),
      acked: this.acked,
      sent: this.sent,
      cpuS: (user + system) / 1e6,
      latencyMs: {
        p50: latency.quantileMs(0.5),
        p99: latency.quantileMs(0.99),
        max: latency.maxMs,
        count: latency.count
      },
      surprises: Object.fromEntries([...this.surprises].slice(0, 10))
    }
  }

  /** Sends nothing new and waits for what is on the way. */
  async drain(timeoutMs: number): Promise<LoadSample> {
    clearInterval(this.timer)
    this.schedule = undefined
    for (const client of this.clients) {
      client.windowPoints = 0
      client.owedFrames = 0
    }
    const deadline = performance.now() + timeoutMs
    while (this.acked < this.sent && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, drainPollMs))
    }
    return this.sample()
  }

  close(): void {
    this.closing = true
    clearInterval(this.timer)
    for (const client of this.clients) client.destroy()
  }

  private pace(): void {
    const { schedule, clients } = this
    if (schedule === undefined) return
    const due = Math.floor((performance.now() - schedule.startMs) / schedule.everyMs)
    for (; schedule.next <= due; schedule.next++) {
      const client = clients[schedule.next % clients.length] as LoadClient
      client.owedFrames++
      client.owedFrames -= client.send(client.owedFrames)
    }
  }

  private onAcked(client: LoadClient, points: number, from: number): void {
    this.acked += points
    if (this.schedule !== undefined) {
      this.timePaced(client, points, from, this.schedule)
      if (client.owedFrames > 0) client.owedFrames -= client.send(client.owedFrames)
    } else client.send(Number.POSITIVE_INFINITY)
  }

  /** Latency of each acknowledged frame from the moment it was due, not from when it could be sent. */
  private timePaced(client: LoadClient, points: number, from: number, schedule: NonNullable<Load["schedule"]>): void {
    const now = performance.now()
    const { framePoints } = this.plan
    const first = Math.ceil((from - (schedule.firstSeq[client.index] as number)) / framePoints)
    const last = Math.floor((from + points - (schedule.firstSeq[client.index] as number)) / framePoints)
    for (let frame = first; frame < last; frame++) {
      const dueMs = schedule.startMs + (frame * this.clients.length + client.index) * schedule.everyMs
      if (dueMs >= this.measureFromMs) this.latency.record(now - dueMs, framePoints)
    }
  }
}

let load: Load | undefined
const current = (): Load => {
  if (load === undefined) throw new Error("no load is open")
  return load
}

answer({
  open: async (plan) => {
    load?.close()
    load = new Load(plan)
    await load.connect()
  },
  begin: (pace) => current().begin(pace),
  measure: () => current().measure(),
  sample: () => current().sample(),
  drain: ({ timeoutMs }) => current().drain(timeoutMs),
  close: () => {
    load?.close()
    load = undefined
  }
} satisfies LoadOperations)
