import { encode } from "@msgpack/msgpack"
import { LatencyHistogram } from "../../src/client/LatencyHistogram.ts"
import { FleetClientFrame, TrackingClientFrame, TrackingServerFrame } from "../../src/protocol/FrameType.ts"
import { LoadClient, type LoadShared } from "../load/LoadClient.ts"
import { messagePackDialect } from "../load/MessagePackDialect.ts"
import { clientFrame, RawSocket } from "../load/RawSocket.ts"
import type { FollowPlan, FollowSample } from "./FollowOperations.ts"

const paceEveryMs = 1
const drainPollMs = 5
const windowPoints = 900
/** The shortest interval that a customer may ask for. */
const intervalMs = 200
const two32 = 2 ** 32
const goodbyeType = 42

/** When the points of one phone were due, by the time that they carry. */
type DueTimes = Map<number, number>

/** Phones that report and customers who follow them, in one process: one clock times both ends. */
export class Followers {
  private readonly plan: FollowPlan
  private readonly sockets: Array<RawSocket> = []
  private readonly phones: Array<{ readonly client: LoadClient; readonly due: DueTimes }> = []
  private readonly shared: LoadShared
  private latency = new LatencyHistogram()
  private measureFromMs = Number.POSITIVE_INFINITY
  private sent = 0
  private acked = 0
  private delivered = 0
  private timer: NodeJS.Timeout | undefined
  private isClosing = false
  private readonly surprises = new Map<string, number>()

  constructor(plan: FollowPlan) {
    this.plan = plan
    this.shared = {
      dialect: messagePackDialect(1),
      framePoints: 1,
      nowMs: () => performance.now(),
      acked: (_, points) => {
        this.acked += points
      },
      sent: (points) => {
        this.sent += points
      },
      surprised: (text) => this.surprised(text)
    }
  }

  async connect(): Promise<void> {
    const { followed, trackingTokens, dispatcherTokens } = this.plan
    for (const [i, { driver, trackingTokens: tokens }] of followed.entries()) {
      const due: DueTimes = new Map()
      const client = new LoadClient(
        i,
        { host: "127.0.0.1", port: this.plan.port, path: "/v1/driver" },
        driver,
        this.shared
      )
      this.phones.push({ client, due })
      await client.welcomed
      client.windowPoints = windowPoints
      for (const token of tokens) await this.follow(token, due)
    }
    for (const token of trackingTokens) await this.follow(token, new Map())
    for (const token of dispatcherTokens) {
      await this.subscribe("/v1/fleet", [FleetClientFrame.subscribe, 1, token, null], () => {})
    }
  }

  begin(hz: number): void {
    const { phones } = this
    const startMs = performance.now()
    const everyMs = 1_000 / (hz * phones.length)
    let next = 0
    this.timer = setInterval(() => {
      const dueReports = Math.floor((performance.now() - startMs) / everyMs)
      for (; next <= dueReports; next++) {
        const phone = phones[next % phones.length]
        // A report that credit holds back is not made: it has no time to be late by.
        if (phone === undefined || phone.client.send(1) === 0) continue
        phone.due.set(phone.client.track.recordedAt, startMs + next * everyMs)
      }
    }, paceEveryMs)
  }

  measure(): void {
    this.latency = new LatencyHistogram()
    this.measureFromMs = performance.now()
  }

  async drain(timeoutMs: number): Promise<FollowSample> {
    clearInterval(this.timer)
    const deadline = performance.now() + timeoutMs
    while (this.acked < this.sent && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, drainPollMs))
    }
    const { sent, acked, delivered, latency } = this
    return {
      sent,
      acked,
      delivered,
      latencyMs: { p50: latency.quantileMs(0.5), p99: latency.quantileMs(0.99), count: latency.count },
      surprises: Object.fromEntries([...this.surprises].slice(0, 10))
    }
  }

  close(): void {
    this.isClosing = true
    clearInterval(this.timer)
    for (const { client } of this.phones) client.destroy()
    for (const socket of this.sockets) socket.destroy()
  }

  private follow(token: string, due: DueTimes): Promise<void> {
    const frame = [TrackingClientFrame.subscribe, 1, token, null, null, intervalMs]
    return this.subscribe("/v1/track", frame, (bytes, start) => {
      // [34, recorded_at, ...]: eight bytes of time after their marker.
      const recordedAt = bytes.readUInt32BE(start + 3) * two32 + bytes.readUInt32BE(start + 7)
      const dueMs = due.get(recordedAt)
      if (dueMs === undefined) return
      due.delete(recordedAt)
      this.delivered++
      if (dueMs >= this.measureFromMs) this.latency.record(performance.now() - dueMs)
    })
  }

  /** Opens a watching socket; resolves at its first frame, the snapshot. */
  private subscribe(
    path: string,
    frame: ReadonlyArray<unknown>,
    position: (bytes: Buffer, start: number) => void
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = new RawSocket(
        { host: "127.0.0.1", port: this.plan.port, path },
        {
          open: () => socket.write(clientFrame(encode(frame), true)),
          payload: (bytes, start, end) => {
            resolve()
            const type = bytes[start + 1]
            if (type === goodbyeType) this.surprised(bytes.toString("latin1", start + 2, end))
            else if (type === TrackingServerFrame.position) position(bytes, start)
          },
          end: (reason) => {
            reject(new Error(`${path}: ${reason}`))
            this.surprised(reason)
          }
        }
      )
      this.sockets.push(socket)
    })
  }

  private surprised(text: string): void {
    if (!this.isClosing) this.surprises.set(text, (this.surprises.get(text) ?? 0) + 1)
  }
}
