import { onTestFinished } from "vitest"
import { RestClient } from "../../src/client/RestClient.ts"
import { bareId } from "../../src/domain/Ids.ts"
import { decodeFrame, encodeFrame, type Frame, MalformedFrame } from "../../src/protocol/FrameCodec.ts"
import { DriverClientFrame, DriverServerFrame, protocolVersion } from "../../src/protocol/FrameType.ts"
import { processAdmin, type ServerProcess } from "./ServerProcess.ts"

const heardMs = 15_000

/** A driver's socket in the hands of the test: it says what an honest app never would. */
export class WireDriver {
  /** The bare UUID. */
  readonly driverId: string
  readonly frames: Array<Frame> = []
  closeCode: number | undefined
  private readonly socket: WebSocket
  /** Those who wait for a frame; fifty who look every few milliseconds instead cost P08 a fifth of its own CPU. */
  private readonly waiting = new Set<(frame: Frame) => void>()

  private constructor(driverId: string, socket: WebSocket) {
    this.driverId = driverId
    this.socket = socket
  }

  /** Makes drivers on a server and welcomes each on a socket of its own, by turns on each of `nodes`. */
  static async connect(
    server: ServerProcess,
    count: number,
    nodes: ReadonlyArray<ServerProcess> = [server]
  ): Promise<ReadonlyArray<WireDriver>> {
    const rest = new RestClient({ url: server.url })
    await rest.signIn(processAdmin.email, processAdmin.password)
    const drivers = await Promise.all(
      Array.from({ length: count }, (_, i) =>
        rest.createDriver({ email: `wire-${i}@promise.example`, name: `Wire ${i}` })
      )
    )
    const tokens = await rest.provisionTokens(drivers.map(({ id }) => id))
    return Promise.all(
      tokens.map((token, i) => WireDriver.open(nodes[i % nodes.length] ?? server, token.driver_id, token.access_token))
    )
  }

  private static async open(server: ServerProcess, publicId: string, token: string): Promise<WireDriver> {
    const socket = new WebSocket(server.driverUrl("http"))
    socket.binaryType = "arraybuffer"
    onTestFinished(() => socket.close())
    const driver = new WireDriver(bareId("driver", publicId) ?? publicId, socket)
    socket.onopen = () => {
      driver.send([DriverClientFrame.hello, protocolVersion, token, crypto.randomUUID(), "other", "wire", null, 1])
    }
    socket.onmessage = (message: MessageEvent<ArrayBuffer>) => {
      const frame = decodeFrame(new Uint8Array(message.data), 16)
      if (frame instanceof MalformedFrame) throw new Error(frame.detail)
      driver.frames.push(frame)
      for (const look of [...driver.waiting]) look(frame)
    }
    socket.onclose = (close) => {
      driver.closeCode = close.code
    }
    await driver.heard(DriverServerFrame.welcome, () => true)
    return driver
  }

  send(frame: Frame): void {
    this.socket.send(encodeFrame(frame))
  }

  /** The first frame of that type that fits, of those that came or will come. */
  heard(type: number, fits: (frame: Frame) => boolean): Promise<Frame> {
    const isMeant = (frame: Frame): boolean => frame[0] === type && fits(frame)
    const found = this.frames.find(isMeant)
    if (found !== undefined) return Promise.resolve(found)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(look)
        const seen = JSON.stringify(this.frames.slice(-5))
        reject(new Error(`frame ${type} did not come within ${heardMs} ms; last seen: ${seen}`))
      }, heardMs)
      const look = (frame: Frame): void => {
        if (!isMeant(frame)) return
        clearTimeout(timer)
        this.waiting.delete(look)
        resolve(frame)
      }
      this.waiting.add(look)
    })
  }

  /** Waits until every point up to `seq` is acknowledged. */
  async acked(seq: number): Promise<void> {
    await this.heard(DriverServerFrame.ack, (frame) => Number(frame[1]) >= seq)
  }

  /** What was FLAGGED: number and code. */
  get flagged(): ReadonlyArray<Frame> {
    return this.frames.filter((frame) => frame[0] === DriverServerFrame.flagged).map(([, seq, code]) => [seq, code])
  }
}
