import { DriverClientFrame } from "../protocol/FrameType.ts"
import { type ClientClock, systemClock } from "./ClientClock.ts"
import type { DriverClientOptions } from "./DriverClientOptions.ts"
import type { DriverCounters } from "./DriverCounters.ts"
import { DriverDialogue } from "./DriverDialogue.ts"
import type { CommandResult, DriverEvents, DriverState, Offer, StopReason } from "./DriverEvents.ts"
import { DriverStopped } from "./DriverStopped.ts"
import { type Fix, wireFix } from "./Fix.ts"
import { LatencyHistogram } from "./LatencyHistogram.ts"
import type { Cadence } from "./Upload.ts"

/**
 * A driver's app on the wire, by 02-protocol sections 1 and 2: keeps every point until it is acknowledged, comes back by itself,
 * and never sends beyond its credit. One timer serves a client, whatever it waits for, and one more its offers while it has any; a point costs
 * no closure.
 *
 * This is what an app uses. Behind it: `DriverDialogue` hears the server, `DriverConnection` lives and comes back, `Telemetry` and
 * `CommandSender` put points and commands on the wire, `Upload` knows which points are where, `DriverStore` remembers between two
 * starts.
 */
export class DriverClient {
  /** From a point's first sending to its acknowledgement. */
  readonly ackLatency: LatencyHistogram
  private readonly options: DriverClientOptions
  private readonly clock: ClientClock
  private readonly newId: () => string
  private readonly dialogue: DriverDialogue

  /** @throws RangeError when the URL is not a `ws:` or `wss:` URL. */
  constructor(options: DriverClientOptions) {
    if (!/^wss?:$/.test(URL.parse(options.url)?.protocol ?? ""))
      throw new RangeError(`not a ws: or wss: URL: ${options.url}`)
    this.options = options
    this.clock = options.clock ?? systemClock
    this.newId = options.newId ?? (() => crypto.randomUUID())
    this.ackLatency = options.ackLatency ?? new LatencyHistogram()
    const { clock, newId, ackLatency } = this
    this.dialogue = new DriverDialogue({ options, clock, random: options.random ?? Math.random, newId, ackLatency })
  }

  get counters(): DriverCounters {
    return this.dialogue.counters
  }

  get state(): DriverState {
    return this.dialogue.connection.state
  }

  /** Why it stopped; undefined while it has not. */
  get stopped(): StopReason | undefined {
    return this.dialogue.connection.stopped
  }

  get deviceId(): string {
    return this.dialogue.device.deviceId
  }

  get ackedSeq(): number {
    return this.dialogue.upload.ackedSeq
  }

  /** Points that are not acknowledged. */
  get pending(): number {
    return this.dialogue.telemetry.pending
  }

  /** The cadence the server asked for last. */
  get cadence(): Cadence {
    return this.dialogue.upload.cadence
  }

  /**
   * The offers that can still be answered, the soonest to end first; `expiresAt` is by the server's clock. They outlive a lost connection, and
   * are gone (`offerGone`) when their time is over, answered, or taken away. After `stop` there are none.
   */
  get offers(): ReadonlyArray<Offer> {
    return this.dialogue.offers.list
  }

  /** The server's clock, Unix milliseconds; until the first welcome the phone's own. What is left of an offer is `expiresAt` minus this. */
  get serverTimeMs(): number {
    return this.dialogue.connection.time.nowMs
  }

  /** Listens; the returned function ends it. */
  on<K extends keyof DriverEvents>(name: K, listener: (event: DriverEvents[K]) => void): () => void {
    return this.dialogue.listeners.on(name, listener)
  }

  /** Loads the store and connects. Resolves when the first connection is under way; rejects when the store cannot be read. */
  async start(): Promise<void> {
    if (this.state !== "idle") return
    this.dialogue.connection.connect()
    await this.dialogue.restore()
    // The app may have gone offline or stopped while the store was read.
    this.dialogue.connection.ready()
  }

  /**
   * Hands over a position. False when the queue is full or the client stopped: the point was not taken.
   * @throws RangeError when time or coordinates are not numbers within range.
   */
  report(fix: Fix): boolean {
    const wire = wireFix(fix)
    if (this.stopped !== undefined || this.pending >= (this.options.queuePointsMax ?? 200_000)) return false
    this.dialogue.telemetry.report(wire)
    return true
  }

  /** Sets the driver's duty. `occurredAt` in Unix milliseconds; null means when the server receives it. Resolves with the RESULT. */
  duty(duty: "on" | "off" | "break", occurredAt: number | null = this.clock.unixMs()): Promise<CommandResult> {
    return this.command(DriverClientFrame.duty, [duty, occurredAt])
  }

  /** Accepts or declines an offer, with the `fencingToken` that it came with. Sent until it is answered, also after a restart. */
  async answerOffer(
    offerId: string,
    fencingToken: number,
    accepted: boolean,
    reason: string | null = null
  ): Promise<CommandResult> {
    const result = await this.command(DriverClientFrame.offerReply, [offerId, fencingToken, accepted, reason])
    this.dialogue.offers.answered(offerId, accepted, result)
    return result
  }

  /** Moves a task on (`action` and `payload` as in 02-protocol, "Tasks"). */
  task(
    assignmentId: string,
    fencingToken: number,
    action: string,
    payload: Readonly<Record<string, unknown>> = {},
    occurredAt: number = this.clock.unixMs()
  ): Promise<CommandResult> {
    return this.command(DriverClientFrame.task, [assignmentId, fencingToken, action, occurredAt, payload])
  }

  /** Resolves when every point and command is acknowledged; rejects with `DriverStopped` when the client stops before. */
  flushed(): Promise<void> {
    const { stopped } = this
    if (stopped !== undefined && !this.dialogue.isFlushed)
      return Promise.reject(new DriverStopped(stopped, this.pending))
    return this.dialogue.flush()
  }

  /** The phone has no network, or the app wants none: disconnects and stays away; points are kept. */
  offline(): void {
    this.dialogue.connection.offline()
  }

  /** Ends `offline()`, or cuts a wait short: connects now. */
  online(): void {
    this.dialogue.connection.online()
  }

  /** Disconnects for good. What is unacknowledged stays in the store, if there is one. */
  async stop(): Promise<void> {
    this.dialogue.connection.halt({ kind: "requested" })
    await this.options.store?.close()
  }

  private command(type: number, fields: ReadonlyArray<unknown>): Promise<CommandResult> {
    if (this.stopped !== undefined) return Promise.reject(new DriverStopped(this.stopped, this.pending))
    const commandId = this.newId()
    return this.dialogue.command({ commandId, frame: [type, commandId, ...fields] })
  }
}
