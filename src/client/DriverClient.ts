import { CloseCode, closeReason, comesBack } from "../protocol/CloseCode.ts"
import { decodeFrame, encodeFrame, type Frame, MalformedFrame } from "../protocol/FrameCodec.ts"
import { DriverClientFrame, DriverServerFrame, protocolVersion } from "../protocol/FrameType.ts"
import { type BackoffBounds, backoffMs, defaultBackoff } from "./Backoff.ts"
import { type ClientClock, systemClock, type TimerHandle } from "./ClientClock.ts"
import { CommandLog } from "./CommandLog.ts"
import {
  type CommandResult,
  type DriverEvents,
  DriverListeners,
  type DriverState,
  type StopReason
} from "./DriverEvents.ts"
import type { DriverCommand, DriverStore } from "./DriverStore.ts"
import { bareFix, type Fix, type WireFix, wireFix } from "./Fix.ts"
import { LatencyHistogram } from "./LatencyHistogram.ts"
import {
  type Goodbye,
  isFields,
  numberOr,
  readCadence,
  readGoodbye,
  readOffer,
  readWelcome,
  textOr,
  type Welcome
} from "./ServerFrames.ts"
import { type ClientSocket, type SocketFactory, webSocketFactory } from "./SocketFactory.ts"
import { type TokenProvider, TokenSource } from "./TokenSource.ts"
import { type DriverCounters, Upload } from "./Upload.ts"

export interface DriverClientOptions {
  /** `ws://host:port/v1/driver`, or `wss:`. */
  readonly url: string
  readonly token: TokenProvider
  readonly platform?: "ios" | "android" | "web" | "other"
  readonly appVersion?: string
  readonly capabilities?: ReadonlyArray<string>
  /** Keeps points and commands between two starts; without it they live in memory. */
  readonly store?: DriverStore
  readonly sockets?: SocketFactory
  readonly clock?: ClientClock
  /** Uniform in [0, 1). */
  readonly random?: () => number
  /** A new UUID, for deviceId and commandId. */
  readonly newId?: () => string
  readonly backoff?: BackoffBounds
  /** The longest a point waits for its batch to fill; 0 sends each at once. Milliseconds. */
  readonly holdMsMax?: number
  /** Points kept unacknowledged; `report` refuses more. */
  readonly queuePointsMax?: number
  /** A histogram to share between clients. */
  readonly ackLatency?: LatencyHistogram
}

/** A socket that did not open, or was not welcomed, within this is given up. */
const welcomeMsMax = 15_000
/** A connection that says nothing this long is asked with PING, and given up when it stays silent. */
const pingAfterMs = 20_000
const silentMsMax = 45_000
/** Unanswered commands are sent again after this; transient answers after a tenth of it. */
const commandAgainMs = 20_000
/** The server takes at most one BEACON a second, and only a live position is worth one. */
const beaconEveryMs = 1_000
const beaconAgeMsMax = 60_000
/** Above this many unsent bytes the socket is left alone for a moment. */
const socketBytesMax = 256 * 1024
const socketFullMs = 20
/** A failed renewal of the token is tried again after this. */
const renewAgainMs = 5_000
/** Frames nest less; this only bounds what a broken server can make the client do. */
const frameDepthMax = 16

/** The client stopped while somebody waited for it. */
export class DriverStopped extends Error {
  readonly stop: StopReason
  readonly unacknowledged: number
  constructor(stop: StopReason, unacknowledged: number) {
    const why = stop.kind === "closed" ? `${stop.code} ${stop.reason}` : stop.kind
    super(`the driver client stopped (${why}) with ${unacknowledged} points unacknowledged`)
    this.name = "DriverStopped"
    this.stop = stop
    this.unacknowledged = unacknowledged
  }
}

/**
 * A driver's app on the wire, by 02-protocol sections 1 and 2: keeps every point until it is acknowledged, comes back by itself,
 * and never sends beyond its credit. One timer serves a client, whatever it waits for; a point costs one object and no closure.
 */
export class DriverClient {
  readonly counters: DriverCounters = {
    reported: 0,
    frames: 0,
    sent: 0,
    resent: 0,
    acked: 0,
    quarantined: 0,
    beacons: 0,
    welcomes: 0,
    losses: 0
  }
  /** From a point's first sending to its acknowledgement. */
  readonly ackLatency: LatencyHistogram
  private readonly options: DriverClientOptions
  private readonly clock: ClientClock
  private readonly random: () => number
  private readonly newId: () => string
  private readonly sockets: SocketFactory
  private readonly tokens: TokenSource
  private readonly upload: Upload
  private readonly commands = new CommandLog()
  private readonly listeners = new DriverListeners()
  private readonly flushWaiters: Array<{ done: () => void; fail: (cause: Error) => void }> = []

  private device: { deviceId: string; attempt: number }
  private currentState: DriverState = "idle"
  private stopReason: StopReason | undefined
  private isStoreLoaded = false
  private socket: ClientSocket | undefined
  /** Rises with every connection, so that what an older one still says is not heard. */
  private linkNo = 0
  private goodbye: Goodbye | undefined
  private failures = 0
  private wasTokenRefused = false
  private isRenewing = false
  /** Server clock minus phone clock. */
  private serverAheadMs = 0

  private timer: TimerHandle | undefined
  private wakeAtMs = Number.POSITIVE_INFINITY
  private comeBackAtMs = Number.POSITIVE_INFINITY
  private welcomeByMs = Number.POSITIVE_INFINITY
  private renewAtMs = Number.POSITIVE_INFINITY
  private commandsAtMs = Number.POSITIVE_INFINITY
  private socketFullUntilMs = Number.NEGATIVE_INFINITY
  private heardAtMs = 0
  private pingedAtMs = Number.NEGATIVE_INFINITY
  private beaconAtMs = Number.NEGATIVE_INFINITY
  private beaconRecordedAt = Number.NEGATIVE_INFINITY

  /** @throws RangeError when the URL is not a `ws:` or `wss:` URL. */
  constructor(options: DriverClientOptions) {
    if (!/^wss?:$/.test(URL.parse(options.url)?.protocol ?? ""))
      throw new RangeError(`not a ws: or wss: URL: ${options.url}`)
    this.options = options
    this.clock = options.clock ?? systemClock
    this.random = options.random ?? Math.random
    this.newId = options.newId ?? (() => crypto.randomUUID())
    this.sockets = options.sockets ?? webSocketFactory()
    this.tokens = new TokenSource(options.token)
    this.ackLatency = options.ackLatency ?? new LatencyHistogram()
    this.upload = new Upload(options.holdMsMax ?? 5_000, this.counters, this.ackLatency)
    this.device = { deviceId: this.newId(), attempt: 0 }
  }

  get state(): DriverState {
    return this.currentState
  }

  /** Why it stopped; undefined while it has not. */
  get stopped(): StopReason | undefined {
    return this.stopReason
  }

  get deviceId(): string {
    return this.device.deviceId
  }

  get ackedSeq(): number {
    return this.upload.ackedSeq
  }

  /** Points that are not acknowledged. */
  get pending(): number {
    return this.upload.queue.length
  }

  /** The cadence the server asked for last. */
  get cadence() {
    return this.upload.cadence
  }

  on<K extends keyof DriverEvents>(name: K, listener: (event: DriverEvents[K]) => void): () => void {
    return this.listeners.on(name, listener)
  }

  /** Loads the store and connects. Resolves when the first connection is under way; rejects when the store cannot be read. */
  async start(): Promise<void> {
    if (this.currentState !== "idle") return
    this.setState("connecting")
    this.restore(await this.options.store?.load())
    // The app may have gone offline or stopped while the store was read.
    if (this.state === "connecting") this.connect()
  }

  /**
   * Hands over a position. False when the queue is full: the point was not taken.
   * @throws RangeError when time or coordinates are not numbers within range.
   */
  report(fix: Fix): boolean {
    const wire = wireFix(fix)
    if (this.stopReason !== undefined || this.pending >= (this.options.queuePointsMax ?? 200_000)) return false
    if (this.isStoreLoaded) this.options.store?.record({ kind: "point", fix: wire })
    this.upload.report(wire, this.clock.monotonicMs())
    this.counters.reported++
    if (this.currentState === "live") {
      this.pump()
      this.beacon()
      this.arm()
    }
    return true
  }

  /** Sets the driver's duty. `occurredAt` in Unix milliseconds; null means when the server receives it. Resolves with the RESULT. */
  duty(duty: "on" | "off" | "break", occurredAt: number | null = this.clock.unixMs()): Promise<CommandResult> {
    const commandId = this.newId()
    return this.command({ commandId, frame: [DriverClientFrame.duty, commandId, duty, occurredAt] })
  }

  /** Accepts or declines an offer. */
  answerOffer(
    offerId: string,
    fencingToken: number,
    accepted: boolean,
    reason: string | null = null
  ): Promise<CommandResult> {
    const commandId = this.newId()
    return this.command({
      commandId,
      frame: [DriverClientFrame.offerReply, commandId, offerId, fencingToken, accepted, reason]
    })
  }

  /** Moves a task on (`action` and `payload` as in 02-protocol, "Tasks"). */
  task(
    assignmentId: string,
    fencingToken: number,
    action: string,
    payload: Readonly<Record<string, unknown>> = {},
    occurredAt: number = this.clock.unixMs()
  ): Promise<CommandResult> {
    const commandId = this.newId()
    return this.command({
      commandId,
      frame: [DriverClientFrame.task, commandId, assignmentId, fencingToken, action, occurredAt, payload]
    })
  }

  /** Resolves when every point and command is acknowledged; rejects with `DriverStopped` when the client stops before. */
  flushed(): Promise<void> {
    if (this.isFlushed) return Promise.resolve()
    if (this.stopReason !== undefined) return Promise.reject(new DriverStopped(this.stopReason, this.pending))
    return new Promise((done, fail) => {
      this.flushWaiters.push({ done, fail })
      this.pump()
      this.arm()
    })
  }

  /** The phone has no network, or the app wants none: disconnects and stays away; points are kept. */
  offline(): void {
    if (this.stopReason !== undefined || this.currentState === "idle") return
    this.unlink(1000, "offline")
    this.setState("offline")
  }

  /** Ends `offline()`, or cuts a wait short: connects now. */
  online(): void {
    if (this.currentState !== "offline" && this.currentState !== "waiting") return
    this.failures = 0
    this.connect()
  }

  /** Disconnects for good. What is unacknowledged stays in the store, if there is one. */
  async stop(): Promise<void> {
    this.halt({ kind: "requested" })
    await this.options.store?.close()
  }

  private get isFlushed(): boolean {
    return this.upload.queue.length === 0 && this.commands.size === 0
  }

  private setState(state: DriverState): void {
    if (this.currentState === state) return
    this.currentState = state
    this.listeners.tell("state", { state, stop: this.stopReason })
  }

  /** Puts what an earlier process kept before what was reported since this one began. */
  private restore(stored: Awaited<ReturnType<DriverStore["load"]>>): void {
    const { queue } = this.upload
    const early: Array<WireFix> = []
    queue.dropThrough(queue.nextSeq - 1, (point) => early.push(point))
    queue.nextSeq = 1
    const earlyCommands = [...this.commands.commands]
    this.isStoreLoaded = true
    if (stored !== undefined) {
      this.device = { deviceId: stored.deviceId, attempt: stored.attempt }
      this.upload.resume(stored)
      for (const command of stored.commands) this.commands.restore(command)
    }
    for (const fix of early) {
      this.options.store?.record({ kind: "point", fix: bareFix(fix) })
      queue.push(fix)
    }
    for (const command of earlyCommands) this.options.store?.record({ kind: "command", command })
  }

  // Connection

  private connect(): void {
    const link = ++this.linkNo
    this.comeBackAtMs = Number.POSITIVE_INFINITY
    this.welcomeByMs = this.clock.monotonicMs() + welcomeMsMax
    this.goodbye = undefined
    this.setState("connecting")
    this.arm()
    this.tokens.current(this.serverNowMs()).then(
      (token) => {
        if (link !== this.linkNo) return
        if (token === undefined) this.halt({ kind: "signed_out" })
        else this.open(link, token)
      },
      (cause: unknown) => {
        if (link !== this.linkNo) return
        this.listeners.tell("tokenFailed", { cause })
        this.lost(1006, "no token")
      }
    )
  }

  private open(link: number, token: string): void {
    this.socket = this.sockets(this.options.url, {
      opened: () => {
        if (link === this.linkNo) this.hello(token)
      },
      received: (bytes) => {
        if (link === this.linkNo) this.received(bytes)
      },
      closed: (code, reason) => {
        if (link === this.linkNo) this.lost(code, reason)
      }
    })
  }

  private hello(token: string): void {
    this.device.attempt++
    this.options.store?.record({ kind: "device", ...this.device })
    const { platform = "other", appVersion = "0", capabilities } = this.options
    this.send([
      DriverClientFrame.hello,
      protocolVersion,
      token,
      this.device.deviceId,
      platform,
      appVersion,
      capabilities ?? null,
      this.device.attempt
    ])
  }

  private send(frame: Frame): void {
    this.socket?.send(encodeFrame(frame))
  }

  /** Lets go of the connection; what it still says is not heard. */
  private unlink(code: number, reason: string): void {
    this.linkNo++
    this.socket?.close(code, reason)
    this.socket = undefined
    this.upload.disconnect()
    this.comeBackAtMs = Number.POSITIVE_INFINITY
    this.welcomeByMs = Number.POSITIVE_INFINITY
    this.renewAtMs = Number.POSITIVE_INFINITY
    this.commandsAtMs = Number.POSITIVE_INFINITY
    this.isRenewing = false
  }

  /** The connection is gone. GOODBYE tells why better than the close code, which a proxy may have lost. */
  private lost(closeCode: number, closeText: string): void {
    const { code, reason, retryAfterMs } = this.goodbye ?? { code: closeCode, reason: closeText, retryAfterMs: 0 }
    this.unlink(1000, "")
    this.counters.losses++
    if (code === CloseCode.tokenInvalid || code === CloseCode.tokenExpired) this.tokens.refuse()
    const mayAskOnceMore = code === CloseCode.tokenInvalid && !this.wasTokenRefused
    if (code === CloseCode.tokenInvalid) this.wasTokenRefused = true
    if (!comesBack(code) && !mayAskOnceMore) {
      this.halt({ kind: "closed", code, reason: reason || (closeReason[code as CloseCode] ?? "") })
      return
    }
    const waitMs = backoffMs(this.options.backoff ?? defaultBackoff, this.failures++, retryAfterMs, this.random())
    this.comeBackAtMs = this.clock.monotonicMs() + waitMs
    this.setState("waiting")
    this.listeners.tell("lost", { code, reason, retryInMs: waitMs })
    this.arm()
  }

  private halt(stop: StopReason): void {
    if (this.stopReason !== undefined) return
    this.stopReason = stop
    this.unlink(1000, stop.kind)
    if (this.timer !== undefined) this.clock.clearTimer(this.timer)
    this.timer = undefined
    this.setState("stopped")
    const cause = new DriverStopped(stop, this.pending)
    this.commands.abandon(cause)
    for (const waiter of this.flushWaiters.splice(0)) waiter.fail(cause)
  }

  // What the server says

  private received(bytes: Uint8Array): void {
    this.heardAtMs = this.clock.monotonicMs()
    const frame = decodeFrame(bytes, frameDepthMax)
    if (frame instanceof MalformedFrame) this.lost(1006, `server sent a malformed frame: ${frame.detail}`)
    else if (this.currentState === "live" || isGreeting(frame)) this.take(frame)
    this.arm()
  }

  private take(frame: Frame): void {
    switch (frame[0]) {
      case DriverServerFrame.ack:
        this.acknowledged(numberOr(frame[1], Number.NaN))
        break
      case DriverServerFrame.credit:
        this.upload.credit(numberOr(frame[1], 0))
        this.pump()
        break
      case DriverServerFrame.welcome:
        this.welcomed(readWelcome(frame, this.upload.cadence))
        break
      case DriverServerFrame.refused:
        this.refused(numberOr(frame[1], 0), textOr(frame[2], ""), numberOr(frame[3], 0))
        break
      case DriverServerFrame.flagged:
        this.flagged(numberOr(frame[1], 0), textOr(frame[2], ""))
        break
      case DriverServerFrame.result:
        this.answered(frame)
        break
      case DriverServerFrame.cadence:
        this.upload.cadence = readCadence(frame[1], this.upload.cadence)
        this.pump()
        break
      case DriverServerFrame.goodbye:
        this.goodbye = readGoodbye(frame)
        break
      case DriverServerFrame.pong:
        this.serverAheadMs = numberOr(frame[2], this.serverNowMs()) - this.clock.unixMs()
        break
      default:
        this.tellApp(frame)
    }
  }

  /** Frames that only the app can act on. Types this version does not know are a newer server's business. */
  private tellApp(frame: Frame): void {
    if (frame[0] === DriverServerFrame.offer) {
      const offer = readOffer(frame)
      if (offer !== undefined) this.listeners.tell("offer", offer)
    } else if (frame[0] === DriverServerFrame.offerGone) {
      this.listeners.tell("offerGone", { offerId: textOr(frame[1], ""), reason: textOr(frame[2], "") })
    } else if (frame[0] === DriverServerFrame.tasks) {
      this.listeners.tell("tasks", { version: numberOr(frame[1], 0), tasks: Array.isArray(frame[2]) ? frame[2] : [] })
    } else if (frame[0] === DriverServerFrame.message) {
      this.listeners.tell("message", { threadId: textOr(frame[1], ""), message: isFields(frame[2]) ? frame[2] : {} })
    }
  }

  private welcomed(welcome: Welcome | undefined): void {
    if (welcome === undefined) {
      this.lost(1006, "server sent a broken WELCOME")
      return
    }
    this.serverAheadMs = welcome.serverTime - this.clock.unixMs()
    const linedUp = this.upload.lineUp(welcome, this.heardAtMs)
    if (linedUp.kind === "foreign_sequence") {
      this.takeNewDevice()
      return
    }
    if (linedUp.dropped > 0) this.recordAcked("acked")
    if (linedUp.renumbered) this.recordAcked("renumbered")
    this.upload.cadence = welcome.cadence
    this.counters.welcomes++
    this.welcomeByMs = Number.POSITIVE_INFINITY
    this.renewAtMs = this.phoneMonotonicMs(this.tokens.renewAtMs)
    this.setState("live")
    this.sendCommands()
    this.pump()
    this.beacon()
    this.settleFlush()
  }

  /** The sequence under this deviceId is not this queue's: goes on under a new id, with a new connection. */
  private takeNewDevice(): void {
    this.device = { deviceId: this.newId(), attempt: 0 }
    this.upload.restart()
    this.options.store?.record({ kind: "device", ...this.device })
    this.recordAcked("renumbered")
    this.unlink(1000, "new device")
    this.listeners.tell("newDevice", { deviceId: this.device.deviceId })
    this.connect()
  }

  private recordAcked(kind: "acked" | "renumbered"): void {
    const { ackedSeq, ackedRecordedAt } = this.upload
    this.options.store?.record({ kind, ackedSeq, recordedAt: ackedRecordedAt })
  }

  private acknowledged(seq: number): void {
    const before = this.upload.ackedSeq
    if (this.upload.acknowledge(seq, this.heardAtMs) === "unknown") {
      this.lost(1006, `server acknowledged ${seq}`)
      return
    }
    if (this.upload.ackedSeq === before) return
    this.recordAcked("acked")
    // Only progress shows that the server is well: one that welcomes and drops must not be asked five times a second.
    this.failures = 0
    this.wasTokenRefused = false
    if (this.listeners.hears("acked")) this.listeners.tell("acked", { seq, pending: this.pending })
    this.pump()
    this.settleFlush()
  }

  private refused(expectedSeq: number, code: string, retryAfterMs: number): void {
    this.listeners.tell("refused", { expectedSeq, code, retryAfterMs })
    if (this.currentState !== "live") return
    if (this.upload.refuse(expectedSeq, code, retryAfterMs, this.heardAtMs) === "unknown")
      this.lost(1006, `server expects ${expectedSeq}`)
  }

  private flagged(seq: number, code: string): void {
    if (this.upload.flag(seq)) this.listeners.tell("flagged", { seq, code })
  }

  // Commands

  private command(command: DriverCommand): Promise<CommandResult> {
    if (this.stopReason !== undefined) return Promise.reject(new DriverStopped(this.stopReason, this.pending))
    if (this.isStoreLoaded) this.options.store?.record({ kind: "command", command })
    const result = this.commands.give(command)
    if (this.currentState === "live") {
      this.send(command.frame)
      this.commandsAtMs = Math.min(this.commandsAtMs, this.clock.monotonicMs() + commandAgainMs)
      this.arm()
    }
    return result
  }

  private sendCommands(): void {
    this.commandsAtMs = Number.POSITIVE_INFINITY
    if (this.commands.size === 0) return
    for (const command of this.commands.commands) this.send(command.frame)
    this.commandsAtMs = this.clock.monotonicMs() + commandAgainMs
  }

  private answered(frame: Frame): void {
    const result: CommandResult = {
      commandId: textOr(frame[1], ""),
      ok: frame[2] === true,
      detail: isFields(frame[3]) ? frame[3] : undefined
    }
    const outcome = this.commands.answer(result)
    if (outcome === "again") this.commandsAtMs = Math.min(this.commandsAtMs, this.heardAtMs + commandAgainMs / 10)
    if (outcome !== "settled") return
    if (this.commands.size === 0) this.commandsAtMs = Number.POSITIVE_INFINITY
    this.options.store?.record({ kind: "settled", commandId: result.commandId })
    this.listeners.tell("result", result)
    this.settleFlush()
  }

  // Points

  private pump(): void {
    const { socket } = this
    if (socket === undefined || this.currentState !== "live") return
    const nowMs = this.clock.monotonicMs()
    const eager = this.flushWaiters.length > 0
    for (;;) {
      if (socket.bufferedBytes() > socketBytesMax) {
        this.socketFullUntilMs = nowMs + socketFullMs
        return
      }
      const frame = this.upload.nextFrame(nowMs, eager)
      if (frame === undefined) return
      this.send(frame)
    }
  }

  /** While older points are in the way, the newest goes ahead as a BEACON, so that the map is right meanwhile. */
  private beacon(): void {
    const newest = this.upload.queue.newest
    if (newest === undefined || this.upload.unsent <= this.upload.cadence.batch || this.currentState !== "live") return
    const nowMs = this.clock.monotonicMs()
    if (nowMs < this.beaconAtMs || newest.recordedAt <= this.beaconRecordedAt) return
    if (newest.recordedAt < this.clock.unixMs() - beaconAgeMsMax) return
    this.beaconAtMs = nowMs + beaconEveryMs
    this.beaconRecordedAt = newest.recordedAt
    this.counters.beacons++
    const { recordedAt, latE7, lngE7, speedCms, headingCdeg, accuracyCm } = newest
    this.send([DriverClientFrame.beacon, recordedAt, latE7, lngE7, speedCms, headingCdeg, accuracyCm])
  }

  private settleFlush(): void {
    if (this.flushWaiters.length === 0 || !this.isFlushed) return
    for (const waiter of this.flushWaiters.splice(0)) waiter.done()
  }

  // Time

  private serverNowMs(): number {
    return this.clock.unixMs() + this.serverAheadMs
  }

  /** A moment of the server's clock on the phone's monotonic one. */
  private phoneMonotonicMs(serverMs: number): number {
    return this.clock.monotonicMs() + (serverMs - this.serverNowMs())
  }

  private nextDeadlineMs(): number {
    if (this.currentState === "waiting") return this.comeBackAtMs
    if (this.currentState === "connecting") return this.welcomeByMs
    if (this.currentState !== "live") return Number.POSITIVE_INFINITY
    const quietAtMs = this.pingedAtMs > this.heardAtMs ? this.heardAtMs + silentMsMax : this.heardAtMs + pingAfterMs
    const uploadAtMs = Math.max(this.upload.dueAtMs, this.socketFullUntilMs)
    return Math.min(uploadAtMs, quietAtMs, this.renewAtMs, this.commandsAtMs)
  }

  /** Sets the one timer to the next deadline. A timer that is set earlier stays: it arms again when it fires. */
  private arm(): void {
    const atMs = this.nextDeadlineMs()
    if (atMs >= this.wakeAtMs) return
    if (this.timer !== undefined) this.clock.clearTimer(this.timer)
    this.wakeAtMs = atMs
    const afterMs = Math.min(Math.max(1, Math.ceil(atMs - this.clock.monotonicMs())), timerMsMax)
    this.timer = this.clock.setTimer(this.wake, afterMs)
  }

  private readonly wake = (): void => {
    this.timer = undefined
    this.wakeAtMs = Number.POSITIVE_INFINITY
    this.runDue(this.clock.monotonicMs())
    this.arm()
  }

  private runDue(nowMs: number): void {
    if (this.currentState === "waiting" && nowMs >= this.comeBackAtMs) {
      this.connect()
      return
    }
    if (this.currentState === "connecting" && nowMs >= this.welcomeByMs) {
      this.lost(1006, "not welcomed in time")
      return
    }
    if (this.currentState !== "live") return
    if (nowMs >= this.heardAtMs + silentMsMax && this.pingedAtMs > this.heardAtMs) {
      this.lost(1006, "server is silent")
      return
    }
    if (nowMs >= this.heardAtMs + pingAfterMs && this.pingedAtMs <= this.heardAtMs) {
      this.pingedAtMs = nowMs
      this.send([DriverClientFrame.ping, this.clock.unixMs()])
    }
    if (nowMs >= this.commandsAtMs) this.sendCommands()
    if (nowMs >= this.renewAtMs) this.renewToken()
    this.pump()
  }

  /** Sends a fresh token before the old one ends, so that the connection outlives it. */
  private renewToken(): void {
    if (this.isRenewing) return
    const link = this.linkNo
    this.isRenewing = true
    this.renewAtMs = Number.POSITIVE_INFINITY
    this.tokens.renew().then(
      (token) => {
        if (link !== this.linkNo) return
        this.isRenewing = false
        if (token === undefined) {
          this.halt({ kind: "signed_out" })
          return
        }
        this.send([DriverClientFrame.auth, token])
        // A provider that keeps handing out tokens at their end must not be asked in a tight loop.
        this.renewAtMs = Math.max(this.phoneMonotonicMs(this.tokens.renewAtMs), this.clock.monotonicMs() + renewAgainMs)
        this.arm()
      },
      (cause: unknown) => {
        if (link !== this.linkNo) return
        this.isRenewing = false
        this.listeners.tell("tokenFailed", { cause })
        this.renewAtMs = this.clock.monotonicMs() + renewAgainMs
        this.arm()
      }
    )
  }
}

/** The longest a platform timer can run; a longer wait is armed again when it fires. */
const timerMsMax = 2 ** 31 - 1

/** What may come before WELCOME. */
const isGreeting = (frame: Frame): boolean =>
  frame[0] === DriverServerFrame.welcome ||
  frame[0] === DriverServerFrame.goodbye ||
  frame[0] === DriverServerFrame.refused
