import { randomUUID } from "node:crypto"
import { type ClientOptions, WebSocket } from "ws"
import { decodeFrame, encodeFrame, type Frame, MalformedFrame } from "../../src/protocol/FrameCodec.ts"
import { DriverClientFrame, DriverServerFrame } from "../../src/protocol/FrameType.ts"

/** The upgrade was answered with plain HTTP. */
export class UpgradeRefused extends Error {
  readonly status: number
  readonly body: { readonly code?: string }
  constructor(status: number, body: string) {
    super(`HTTP ${status} ${body}`)
    this.status = status
    this.body = JSON.parse(body === "" ? "{}" : body) as { readonly code?: string }
  }
}

/** HELLO's fields that tests vary. */
export interface HelloFields {
  readonly version?: unknown
  readonly token?: string | null
  readonly deviceId?: unknown
  readonly platform?: unknown
  readonly appVersion?: unknown
  readonly capabilities?: unknown
  readonly attempt?: unknown
}

/** HELLO as a frame. */
export const helloFrame = (fields: HelloFields): Frame => [
  DriverClientFrame.hello,
  fields.version ?? 1,
  fields.token ?? null,
  fields.deviceId ?? "device-1",
  fields.platform ?? "android",
  fields.appVersion ?? "1.0",
  fields.capabilities ?? null,
  fields.attempt ?? null
]

/** Far above what anything takes here; a machine that runs much else besides may be slow. */
const deadlineMs = 20_000

/** A WebSocket that keeps every frame it gets, in order, so that a transcript can be read from it. */
export class WireClient {
  readonly frames: Array<Frame> = []
  readonly socket: WebSocket
  closed: { readonly code: number; readonly reason: string } | undefined
  private readonly isJson: boolean
  private at = 0
  private readonly waiting = new Set<() => void>()

  private constructor(socket: WebSocket, isJson: boolean) {
    this.socket = socket
    this.isJson = isJson
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      const frame: unknown = isBinary ? decodeFrame(data, 16) : JSON.parse(data.toString())
      if (frame instanceof MalformedFrame) throw new Error(`the server sent a malformed frame: ${frame.detail}`)
      this.frames.push(frame as Frame)
      this.wake()
    })
    socket.on("error", () => this.wake())
    socket.on("close", (code, reason) => {
      this.closed = { code, reason: reason.toString() }
      this.wake()
    })
  }

  /** Opens a socket; fails with `UpgradeRefused` when it is answered with HTTP. */
  static readonly open = (
    url: string,
    options: {
      readonly protocols?: ReadonlyArray<string>
      readonly headers?: Record<string, string>
    } & ClientOptions = {}
  ): Promise<WireClient> =>
    new Promise((resolve, reject) => {
      const { protocols = [], ...rest } = options
      const socket = new WebSocket(url, [...protocols], { perMessageDeflate: false, ...rest })
      const client = new WireClient(socket, protocols.includes("dropmate.json"))
      socket.on("open", () => resolve(client))
      socket.on("error", reject)
      socket.on("unexpected-response", (_, response) => {
        const parts: Array<Buffer> = []
        response.on("data", (part: Buffer) => parts.push(part))
        response.on("end", () => reject(new UpgradeRefused(response.statusCode ?? 0, Buffer.concat(parts).toString())))
      })
    })

  send(frame: Frame): void {
    if (this.isJson) this.socket.send(JSON.stringify(frame))
    else this.socket.send(encodeFrame(frame))
  }

  sendBytes(bytes: Uint8Array): void {
    this.socket.send(bytes)
  }

  /** The next frame of that type after those already taken, skipping others. */
  async next(type: number): Promise<Frame> {
    const found = await this.until(() => {
      for (let i = this.at; i < this.frames.length; i++) if (this.frames[i]?.[0] === type) return i
      return undefined
    }, `frame ${type}`)
    this.at = found + 1
    return this.frames[found] as Frame
  }

  /** The next frame of any type. */
  async nextAny(): Promise<Frame> {
    const found = await this.until(() => (this.at < this.frames.length ? this.at : undefined), "any frame")
    this.at = found + 1
    return this.frames[found] as Frame
  }

  /** Waits for the ACK of `seq` or a later one. */
  async acked(seq: number): Promise<void> {
    await this.until(
      () =>
        this.frames.some((frame) => frame[0] === DriverServerFrame.ack && (frame[1] as number) >= seq)
          ? true
          : undefined,
      `ACK ${seq}`
    )
  }

  /** The close code, once the socket is closed. */
  async closeCode(): Promise<number> {
    return (await this.until(() => this.closed, "close", true)).code
  }

  /** GOODBYE and the close code after it. */
  async goodbye(): Promise<{ readonly code: number; readonly frame: Frame | undefined }> {
    const code = await this.closeCode()
    return { code, frame: this.frames.findLast((frame) => frame[0] === DriverServerFrame.goodbye) }
  }

  /** A PING and its PONG: everything sent before it has been handled. */
  async settle(): Promise<void> {
    const mark = Math.floor(Math.random() * 2 ** 40)
    this.send([DriverClientFrame.ping, mark])
    await this.until(
      () => (this.frames.some((frame) => frame[0] === DriverServerFrame.pong && frame[1] === mark) ? true : undefined),
      "PONG"
    )
  }

  of(type: number): ReadonlyArray<Frame> {
    return this.frames.filter((frame) => frame[0] === type)
  }

  async close(): Promise<void> {
    if (this.closed !== undefined) return
    this.socket.close()
    await this.closeCode()
  }

  terminate(): void {
    this.socket.terminate()
  }

  private wake(): void {
    for (const look of [...this.waiting]) look()
  }

  private until<A>(look: () => A | undefined, what: string, isClose = false): Promise<A> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => fail(`${what} did not come within ${deadlineMs} ms`), deadlineMs)
      const done = (): void => {
        clearTimeout(timer)
        this.waiting.delete(check)
      }
      const fail = (why: string): void => {
        done()
        reject(new Error(`${why}; got ${JSON.stringify(this.frames.slice(-8))}`))
      }
      const check = (): void => {
        const found = look()
        if (found !== undefined) {
          done()
          resolve(found)
        } else if (!isClose && this.closed !== undefined) fail(`closed with ${this.closed.code} before ${what}`)
      }
      this.waiting.add(check)
      check()
    })
  }
}

/** A new command id. */
export const commandId = (): string => randomUUID()
