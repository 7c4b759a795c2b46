import type { SocketEvents, SocketFactory } from "../../src/client/SocketFactory.ts"
import type { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import type { Connection } from "../../src/gateway/Connection.ts"
import { decodeFrame, MalformedFrame } from "../../src/protocol/FrameCodec.ts"
import { DriverClientFrame, DriverServerFrame } from "../../src/protocol/FrameType.ts"
import type { SimulatedDatabase } from "./SimulatedDatabase.ts"
import type { SimulatedNode } from "./SimulatedNode.ts"
import type { VirtualTime } from "./VirtualTime.ts"

/** What goes wrong with frames of points and with acknowledgements, as shares of them. No TCP does this; bad proxies and bad apps do. */
export interface FrameFaults {
  dropped: number
  doubled: number
  overtaken: number
}

export const noFrameFaults: FrameFaults = { dropped: 0, doubled: 0, overtaken: 0 }

/** What a network is laid between. */
export interface NetworkWorld {
  readonly time: VirtualTime
  readonly random: SeededRandom
  readonly database: SimulatedDatabase
  readonly nodes: ReadonlyArray<SimulatedNode>
  readonly frameFaults: FrameFaults
  /** Hears what must never be. */
  readonly violated: (what: string) => void
}

/** One way of a line. TCP keeps the order: what is sent later does not arrive earlier. */
interface Way {
  lastAtMs: number
}

/** One connection of a phone, with what each end knows of it. */
export class Line {
  readonly driverId: string
  deviceId = ""
  /**
   * A frame was lost or overtaken on it. Whoever waits for an answer to the last of them waits for ever, unless more points follow, which
   * no TCP connection does to anybody; so such a line is cut in the end.
   */
  private isDisordered = false
  private readonly world: NetworkWorld
  private readonly events: SocketEvents
  private readonly latencyMs: number
  private readonly up: Way = { lastAtMs: 0 }
  private readonly down: Way = { lastAtMs: 0 }
  private node: SimulatedNode | undefined
  private connection: Connection | undefined
  private isOpenAtPhone = true
  private isBroken = false
  private held: Array<() => void> | undefined

  constructor(driverId: string, world: NetworkWorld, events: SocketEvents) {
    this.driverId = driverId
    this.world = world
    this.events = events
    this.latencyMs = world.random.between(1, 60)
    this.carry(this.up, () => this.open())
  }

  get isOver(): boolean {
    return !this.isOpenAtPhone && this.connection === undefined
  }

  /** From the phone. */
  send(bytes: Uint8Array): void {
    const copy = bytes.slice()
    const type = copy[1]
    if (type === DriverClientFrame.hello) this.deviceId = deviceOf(copy)
    const isTelemetry = type === DriverClientFrame.point || type === DriverClientFrame.batch
    this.transmit(this.up, isTelemetry, () => {
      if (this.connection !== undefined) this.node?.received(this.connection, copy)
    })
  }

  /** The phone closes; the node hears of it. */
  close(): void {
    this.isOpenAtPhone = false
    this.carry(this.up, () => this.endAtNode(1000))
  }

  /** Both ends hear at once that it is over. */
  cut(): void {
    this.isBroken = true
    this.held = undefined
    this.endAtNode(1006)
    this.endAtPhone(1006)
  }

  /** From now on nothing arrives, and neither end is told. Now and then one of them finds out. */
  breakSilently(): void {
    const { time, random } = this.world
    this.isBroken = true
    this.held = undefined
    if (random.chance(0.5)) time.after(random.between(200, 5_000), () => this.endAtPhone(1006))
    if (random.chance(0.3)) time.after(random.between(200, 5_000), () => this.endAtNode(1006))
  }

  /** Holds everything back for a while; then it arrives, in order. */
  hold(forMs: number): void {
    if (this.isBroken || this.held !== undefined) return
    this.held = []
    this.world.time.after(forMs, () => {
      const arrived = this.held ?? []
      this.held = undefined
      for (const act of arrived) act()
    })
  }

  /** The node it ends at is gone. */
  nodeCrashed(node: SimulatedNode): void {
    if (this.node !== node) return
    this.connection = undefined
    this.isBroken = true
    this.world.time.after(this.latencyMs, () => this.endAtPhone(1006))
  }

  /** What is wrong with it ends. */
  heal(): void {
    if (this.isBroken || this.isDisordered) this.cut()
  }

  private open(): void {
    const { nodes, random } = this.world
    if (!this.isOpenAtPhone) return
    const up = nodes.filter(({ isUp }) => isUp)
    const node = up[random.below(Math.max(1, up.length))]
    if (node === undefined) return this.endAtPhone(1006)
    this.node = node
    this.connection = node.accept({
      send: (message) => {
        this.tell(message as Uint8Array)
        return 1
      },
      getBufferedAmount: () => 0,
      ping: () => this.carry(this.down, () => this.carry(this.up, () => this.pong())),
      end: (code) => {
        this.carry(this.down, () => this.endAtPhone(code))
        this.carry(this.down, () => this.carry(this.up, () => this.endAtNode(code)))
      },
      close: () => this.endAtNode(1006)
    })
    this.carry(this.down, () => this.isOpenAtPhone && this.events.opened())
  }

  /** From the node. An acknowledgement must not be said before its points are committed. */
  private tell(bytes: Uint8Array): void {
    const copy = bytes.slice()
    const isAck = copy[1] === DriverServerFrame.ack
    if (isAck) this.judgeAck(copy)
    this.transmit(this.down, isAck, () => {
      if (this.isOpenAtPhone) this.events.received(copy)
    })
  }

  private judgeAck(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes, 4)
    const seq = frame instanceof MalformedFrame ? Number.NaN : Number(frame[1])
    const { lastSeq } = this.world.database.cursorOf(this.driverId, this.deviceId)
    if (!(seq <= lastSeq))
      this.world.violated(`${this.driverId} is acknowledged up to ${seq}, committed up to ${lastSeq}`)
  }

  private pong(): void {
    this.connection?.heard(Math.floor(this.world.time.nowMs))
  }

  private endAtPhone(code: number): void {
    if (!this.isOpenAtPhone) return
    this.isOpenAtPhone = false
    this.events.closed(code, "")
  }

  private endAtNode(code: number): void {
    const { connection, node } = this
    this.connection = undefined
    if (connection !== undefined) node?.ended(connection, code)
  }

  private transmit(way: Way, mayFail: boolean, arrive: () => void): void {
    const { random, frameFaults } = this.world
    if (!mayFail) return this.carry(way, arrive)
    if (random.chance(frameFaults.dropped)) {
      this.isDisordered = true
      return
    }
    if (random.chance(frameFaults.overtaken)) {
      this.isDisordered = true
      this.world.time.after(random.between(1, 400), () => this.arrive(arrive))
      return
    }
    this.carry(way, arrive)
    if (random.chance(frameFaults.doubled)) this.world.time.after(random.between(1, 400), () => this.arrive(arrive))
  }

  private carry(way: Way, arrive: () => void): void {
    const { time, random } = this.world
    way.lastAtMs = Math.max(way.lastAtMs, time.nowMs + this.latencyMs * random.between(0.5, 1.5))
    time.after(way.lastAtMs - time.nowMs, () => this.arrive(arrive))
  }

  private arrive(act: () => void): void {
    if (this.isBroken) return
    if (this.held !== undefined) this.held.push(act)
    else act()
  }
}

const deviceOf = (bytes: Uint8Array): string => {
  const frame = decodeFrame(bytes, 4)
  if (frame instanceof MalformedFrame) throw new Error(`HELLO cannot be read: ${frame.detail}`)
  return String(frame[3])
}

/** The lines between phones and nodes. A phone that connects is led to any node that is up. */
export class SimulatedNetwork {
  private readonly world: NetworkWorld
  private lines: Array<Line> = []

  constructor(world: NetworkWorld) {
    this.world = world
  }

  /** Sockets of one driver's phone. */
  sockets(driverId: string): SocketFactory {
    return (_url, events) => {
      const line = new Line(driverId, this.world, events)
      this.lines = this.lines.filter(({ isOver }) => !isOver)
      this.lines.push(line)
      return { send: (bytes) => line.send(bytes), close: () => line.close(), bufferedBytes: () => 0 }
    }
  }

  /** Some line that is open at one end at least. */
  anyLine(): Line | undefined {
    const open = this.lines.filter(({ isOver }) => !isOver)
    return open[this.world.random.below(Math.max(1, open.length))]
  }

  crashed(node: SimulatedNode): void {
    for (const line of this.lines) line.nodeCrashed(node)
  }

  heal(): void {
    for (const line of this.lines) line.heal()
  }
}
