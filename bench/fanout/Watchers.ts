import { LatencyHistogram } from "../../src/client/LatencyHistogram.ts"
import { RawSocket } from "../load/RawSocket.ts"
import { binaryMedium } from "./BinaryMedium.ts"
import type { SourcePace, Watch, WatchersPlan, WatchersSample } from "./FanoutOperations.ts"
import type { Medium, WatchEvents } from "./Medium.ts"
import { natsMedium } from "./NatsMedium.ts"
import { NatsSocket } from "./NatsSocket.ts"
import { redisMedium } from "./RedisMedium.ts"
import { RedisSocket } from "./RedisSocket.ts"
import { roomsMedium } from "./RoomsMedium.ts"
import { sinceStampMs, stampOf } from "./Stamp.ts"

/** Sockets that connect at the same time. */
const connectsAtOnce = 64
const paceEveryMs = 1
const drainPollMs = 5

interface Link {
  write(bytes: Buffer): void
  destroy(): void
}

const mediumOf = (plan: WatchersPlan): Medium => {
  switch (plan.carrier) {
    case "rooms":
      return roomsMedium
    case "redis":
      return redisMedium(plan.password)
    case "nats":
      return natsMedium
    case "hub":
    case "publish":
      return binaryMedium
  }
}

/** The watchers of one plan, and the source of what they watch: one clock times both ends. */
export class Watchers {
  private readonly plan: WatchersPlan
  private readonly medium: Medium
  private readonly links: Array<Link> = []
  private source: Link | undefined
  private pace: SourcePace | undefined
  private timer: NodeJS.Timeout | undefined
  /** Deliveries that are still due of each group's last move; a closed loop's window. */
  private readonly owed: Array<number>
  private due = 0
  private delivered = 0
  private frames = 0
  private bytes = 0
  private measureFromMs = Number.POSITIVE_INFINITY
  private latency = new LatencyHistogram()
  private round = new LatencyHistogram()
  private isClosing = false
  private readonly surprises = new Map<string, number>()

  constructor(plan: WatchersPlan) {
    this.plan = plan
    this.medium = mediumOf(plan)
    this.owed = Array.from({ length: plan.source.groups }, () => 0)
  }

  /** Connects the source and every watcher, and waits until each subscription stands. */
  async connect(): Promise<void> {
    await this.link(undefined, (link) => {
      this.source = link
    })
    const { watches } = this.plan
    let next = 0
    const some = async (): Promise<void> => {
      for (let watch = watches[next++]; watch !== undefined; watch = watches[next++]) {
        await this.link(watch, (link) => this.links.push(link))
      }
    }
    await Promise.all(Array.from({ length: connectsAtOnce }, some))
  }

  begin(pace: SourcePace): void {
    this.pace = pace
    const { groups } = this.plan.source
    if (pace._tag === "Closed") {
      for (let group = 0; group < groups; group++) this.move(group, performance.now())
      return
    }
    const startMs = performance.now()
    const everyMs = 1_000 / pace.groupMovesPerS
    let next = 0
    this.timer = setInterval(() => {
      const dueMoves = Math.floor((performance.now() - startMs) / everyMs)
      for (; next <= dueMoves; next++) this.move(next % groups, startMs + next * everyMs)
    }, paceEveryMs)
  }

  measure(): void {
    this.latency = new LatencyHistogram()
    this.round = new LatencyHistogram()
    this.measureFromMs = performance.now()
  }

  sample(): WatchersSample {
    const { user, system } = process.cpuUsage()
    const quantiles = (of: LatencyHistogram) => ({ p50: of.quantileMs(0.5), p99: of.quantileMs(0.99) })
    return {
      atMs: performance.now(),
      due: this.due,
      delivered: this.delivered,
      frames: this.frames,
      bytes: this.bytes,
      cpuS: (user + system) / 1e6,
      latencyMs: quantiles(this.latency),
      roundMs: quantiles(this.round),
      surprises: Object.fromEntries([...this.surprises].slice(0, 10))
    }
  }

  async drain(timeoutMs: number): Promise<WatchersSample> {
    clearInterval(this.timer)
    this.pace = undefined
    const deadline = performance.now() + timeoutMs
    while (this.delivered < this.due && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, drainPollMs))
    }
    return this.sample()
  }

  close(): void {
    this.isClosing = true
    clearInterval(this.timer)
    for (const link of [...this.links, this.source]) link?.destroy()
  }

  private move(group: number, dueMs: number): void {
    const { groupSize, watchersPerGroup } = this.plan.source
    const deliveries = groupSize * watchersPerGroup
    this.due += deliveries
    this.owed[group] = deliveries
    this.source?.write(this.medium.move(group * groupSize, groupSize, stampOf(dueMs)))
  }

  private arrived(group: number, stamp: number, count: number): void {
    this.delivered += count
    const now = performance.now()
    const latencyMs = sinceStampMs(stamp, now)
    if (now - latencyMs >= this.measureFromMs) this.latency.record(latencyMs, count)
    if (this.pace?._tag !== "Closed") return
    const owed = (this.owed[group] as number) - count
    this.owed[group] = owed
    if (owed === 0) this.move(group, now)
  }

  private surprised(text: string): void {
    if (!this.isClosing) this.surprises.set(text, (this.surprises.get(text) ?? 0) + 1)
  }

  private eventsOf(watch: Watch | undefined, link: Pick<WatchEvents, "ready" | "welcomed" | "say">): WatchEvents {
    const first = watch?._tag === "Topic" ? watch.subject : (watch?.first ?? 0)
    const group = Math.floor(first / this.plan.source.groupSize)
    return {
      ...link,
      delivered: (stamp, count) => this.arrived(group, stamp, count),
      framed: (bytes, madeAtMs) => {
        this.frames++
        this.bytes += bytes
        if (madeAtMs !== undefined && performance.now() >= this.measureFromMs) {
          this.round.record(Math.max(0, Date.now() - madeAtMs))
        }
      },
      surprised: (text) => this.surprised(text)
    }
  }

  /** One connection; resolves when what it watches stands, or, for the source, when it is open. */
  private link(watch: Watch | undefined, made: (link: Link) => void): Promise<void> {
    const { host, port, carrier } = this.plan
    const { medium } = this
    return new Promise((resolve, reject) => {
      const welcomed = (): void => {
        if (watch === undefined) resolve()
        else link.write(medium.watch(watch))
      }
      const on = this.eventsOf(watch, { ready: resolve, welcomed, say: (bytes) => link.write(bytes) })
      const payload = (bytes: Buffer, start: number, end: number): void => medium.read(bytes, start, end, on)
      const open = (): void => {
        if (medium.greeting !== undefined) link.write(medium.greeting)
        if (!medium.awaitsWelcome) welcomed()
      }
      const end = (reason: string): void => {
        reject(new Error(`${carrier}: ${reason}`))
        this.surprised(reason)
      }
      const lines = { open, ponged: resolve, payload, end }
      const connect = (): Link => {
        if (carrier === "redis") return new RedisSocket(host, port, lines)
        if (carrier === "nats") return new NatsSocket(host, port, lines)
        return new RawSocket({ host, port, path: medium.path }, { open, payload, end })
      }
      const link = connect()
      made(link)
    })
  }
}
