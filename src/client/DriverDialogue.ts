import type { Frame } from "../protocol/FrameCodec.ts"
import { DriverServerFrame } from "../protocol/FrameType.ts"
import { tellApp } from "./AppFrames.ts"
import { defaultBackoff } from "./Backoff.ts"
import type { ClientClock } from "./ClientClock.ts"
import { Comeback } from "./Comeback.ts"
import { CommandSender } from "./CommandSender.ts"
import { Device } from "./Device.ts"
import type { DriverClientOptions } from "./DriverClientOptions.ts"
import { DriverConnection } from "./DriverConnection.ts"
import { type DriverCounters, newDriverCounters } from "./DriverCounters.ts"
import { type CommandResult, DriverListeners, type DriverState } from "./DriverEvents.ts"
import { DriverStopped } from "./DriverStopped.ts"
import type { DriverCommand, DriverStore } from "./DriverStore.ts"
import { FlushWaiters } from "./FlushWaiters.ts"
import type { LatencyHistogram } from "./LatencyHistogram.ts"
import { OpenOffers } from "./OpenOffers.ts"
import { numberOr, readWelcome, textOr } from "./ServerFrames.ts"
import { webSocketFactory } from "./SocketFactory.ts"
import { Telemetry } from "./Telemetry.ts"
import { TokenSource } from "./TokenSource.ts"
import { Upload } from "./Upload.ts"

/** The options, and what stands in for those that were left out. */
export interface DriverDialogueParts {
  readonly options: DriverClientOptions
  readonly clock: ClientClock
  readonly random: () => number
  readonly newId: () => string
  readonly ackLatency: LatencyHistogram
}

/** What an app and the server say to each other: makes the parts of a client, and brings each frame to the part that it concerns. */
export class DriverDialogue {
  readonly counters: DriverCounters = newDriverCounters()
  readonly listeners = new DriverListeners()
  readonly device: Device
  readonly connection: DriverConnection
  readonly upload: Upload
  readonly telemetry: Telemetry
  readonly commands: CommandSender
  readonly offers: OpenOffers
  private readonly options: DriverClientOptions
  private readonly flushWaiters = new FlushWaiters()
  private isStoreLoaded = false

  constructor(parts: DriverDialogueParts) {
    const { options, clock, newId, ackLatency } = parts
    this.options = options
    this.device = new Device(options, newId)
    this.upload = new Upload(options.holdMsMax ?? 5_000, this.counters, ackLatency)
    this.connection = this.makeConnection(parts)
    const { upload, connection, counters, listeners } = this
    this.telemetry = new Telemetry({ upload, connection, clock, counters, listeners, store: () => this.store })
    this.commands = new CommandSender(connection, clock)
    this.offers = new OpenOffers(connection.time, clock, listeners)
  }

  /** Reads the store, and puts what an earlier process kept before what was reported since this one began. */
  async restore(): Promise<void> {
    const stored = await this.options.store?.load()
    const earlyPoints = this.telemetry.takeBack()
    const earlyCommands = [...this.commands.log.commands]
    this.isStoreLoaded = true
    if (stored !== undefined) this.device.resume(stored)
    // Points are kept for a device. Without this, an app that was ended before its first connection would find none of them again.
    else this.store?.record(this.device.entry)
    for (const command of stored?.commands ?? []) this.commands.log.restore(command)
    this.telemetry.resume(stored, earlyPoints)
    for (const command of earlyCommands) this.store?.record({ kind: "command", command })
  }

  /** Keeps a command and sends it until it is answered. */
  command(command: DriverCommand): Promise<CommandResult> {
    this.store?.record({ kind: "command", command })
    return this.commands.give(command)
  }

  /** Sends what waits for its batch to fill too, and waits until every point and command is acknowledged. */
  flush(): Promise<void> {
    if (this.isFlushed) return Promise.resolve()
    const flushed = this.flushWaiters.wait()
    this.telemetry.isUrgent = true
    this.telemetry.send()
    this.connection.arm()
    return flushed
  }

  get isFlushed(): boolean {
    return this.telemetry.pending === 0 && this.commands.log.size === 0
  }

  /** The store, once its content is known: what comes before is recorded by `restore`. */
  private get store(): DriverStore | undefined {
    return this.isStoreLoaded ? this.options.store : undefined
  }

  private makeConnection({ options, clock, random }: DriverDialogueParts): DriverConnection {
    const parts = {
      url: options.url,
      sockets: options.sockets ?? webSocketFactory(),
      clock,
      tokens: new TokenSource(options.token),
      comeback: new Comeback(options.backoff ?? defaultBackoff, random)
    }
    return new DriverConnection(parts, {
      hello: (token) => this.hello(token),
      take: (frame) => this.take(frame),
      unlinked: () => {
        this.upload.disconnect()
        this.commands.disconnect()
      },
      changed: (state) => this.changed(state),
      ended: () => {
        this.counters.losses++
      },
      lost: (loss) => this.listeners.tell("lost", loss),
      tokenFailed: (cause) => this.listeners.tell("tokenFailed", { cause }),
      dueAtMs: () => Math.min(this.telemetry.dueAtMs, this.commands.dueAtMs),
      runDue: (nowMs) => {
        if (nowMs >= this.commands.dueAtMs) this.commands.sendAll()
        this.telemetry.send()
      }
    })
  }

  private changed(state: DriverState): void {
    const stop = this.connection.stopped
    this.listeners.tell("state", { state, stop })
    if (stop === undefined) return
    this.offers.stop()
    const cause = new DriverStopped(stop, this.telemetry.pending)
    this.commands.abandon(cause)
    this.flushWaiters.fail(cause)
  }

  private hello(token: string): Frame {
    const hello = this.device.hello(token)
    this.store?.record(this.device.entry)
    return hello
  }

  private take(frame: Frame): void {
    const { telemetry } = this
    switch (frame[0]) {
      case DriverServerFrame.ack:
        telemetry.acknowledged(numberOr(frame[1], Number.NaN))
        this.settleFlush()
        break
      case DriverServerFrame.credit:
        telemetry.credit(numberOr(frame[1], 0))
        break
      case DriverServerFrame.welcome:
        this.welcomed(frame)
        break
      case DriverServerFrame.refused:
        telemetry.refused(numberOr(frame[1], 0), textOr(frame[2], ""), numberOr(frame[3], 0))
        break
      case DriverServerFrame.flagged:
        telemetry.flagged(numberOr(frame[1], 0), textOr(frame[2], ""))
        break
      case DriverServerFrame.result:
        this.answered(frame)
        break
      case DriverServerFrame.cadence:
        telemetry.cadence(frame[1])
        break
      case DriverServerFrame.pong:
        this.offers.confirmed()
        break
      default:
        tellApp(frame, this.listeners, this.offers)
    }
  }

  private welcomed(frame: Frame): void {
    const welcome = readWelcome(frame, this.upload.cadence)
    if (welcome === undefined) {
      this.connection.giveUp("server sent a broken WELCOME")
      return
    }
    this.connection.time.set(welcome.serverTime)
    if (!this.telemetry.lineUp(welcome)) {
      this.takeNewDevice()
      return
    }
    this.upload.cadence = welcome.cadence
    this.counters.welcomes++
    this.connection.begin()
    if (this.offers.welcomed()) this.connection.ping()
    this.commands.sendAll()
    this.telemetry.send()
    this.telemetry.beacon()
    this.settleFlush()
  }

  /** The sequence under this deviceId is not this queue's: goes on under a new id, with a new connection. */
  private takeNewDevice(): void {
    this.device.renew()
    this.store?.record(this.device.entry)
    this.telemetry.restart()
    this.listeners.tell("newDevice", { deviceId: this.device.deviceId })
    this.connection.reconnect("new device")
  }

  private answered(frame: Frame): void {
    const result = this.commands.answered(frame)
    if (result === undefined) return
    this.store?.record({ kind: "settled", commandId: result.commandId })
    this.listeners.tell("result", result)
    this.settleFlush()
  }

  private settleFlush(): void {
    if (this.flushWaiters.isEmpty || !this.isFlushed) return
    this.telemetry.isUrgent = false
    this.flushWaiters.done()
  }
}
