import { randomBytes } from "node:crypto"
import { connect, type Socket } from "node:net"
import { onTestFinished } from "vitest"
import { decodeFrame, encodeFrame, type Frame, MalformedFrame } from "../../src/protocol/FrameCodec.ts"

/** Bytes taken from the kernel at once. */
const sipBytes = 1_024

/** RFC 6455, section 5.2: one final binary frame of a client, masked. */
const maskedFrame = (payload: Uint8Array): Buffer => {
  if (payload.length > 125) throw new Error("the first frame of a slow reader is short")
  const mask = randomBytes(4)
  const body = payload.map((byte, i) => byte ^ (mask[i % 4] as number))
  return Buffer.concat([Buffer.of(0x82, 0x80 | payload.length), mask, body])
}

/**
 * A WebSocket whose owner takes at most a kilobyte a second from the kernel, or stops taking any. It answers no pings, since it does not
 * see them in time.
 */
export class SlowReader {
  isClosed = false
  private taken: Array<Buffer> = []
  private readonly socket: Socket
  private readonly timer: ReturnType<typeof setInterval>
  private isFast = true
  private isSipping = false
  private upgraded: (() => void) | undefined

  private constructor(socket: Socket, timer: ReturnType<typeof setInterval>) {
    this.socket = socket
    this.timer = timer
  }

  /** Opens one at `127.0.0.1`, says `first`, and reads as fast as anyone until `slow`. */
  static open(port: number, path: string, first: Frame): Promise<SlowReader> {
    return new Promise((resolve, reject) => {
      const socket = connect({
        port,
        host: "127.0.0.1",
        onread: { buffer: Buffer.alloc(sipBytes), callback: (count, buffer) => reader.take(count, Buffer.from(buffer)) }
      })
      const reader = new SlowReader(
        socket,
        setInterval(() => reader.sip(), 1_000)
      )
      onTestFinished(() => reader.end())
      socket.on("error", (cause) => {
        reader.isClosed = true
        reject(cause)
      })
      socket.on("close", () => {
        reader.isClosed = true
      })
      socket.on("connect", () => {
        socket.write(
          `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`
        )
        // Frames may follow once the upgrade is answered, and not before.
        reader.upgraded = () => {
          socket.write(maskedFrame(encodeFrame(first)))
          resolve(reader)
        }
      })
    })
  }

  /** From now on a kilobyte a second, or nothing at all. */
  slow(bytesPerSecond: 0 | 1_024): void {
    this.isFast = false
    this.isSipping = bytesPerSecond > 0
  }

  /** Reads the rest as fast as it comes. */
  hurry(): void {
    this.isFast = true
    this.socket.resume()
  }

  /** The frames that were read whole. */
  get frames(): ReadonlyArray<Frame> {
    const bytes = Buffer.concat(this.taken)
    const frames: Array<Frame> = []
    const headEnd = bytes.indexOf("\r\n\r\n")
    if (headEnd < 0) return frames
    for (let at = headEnd + 4; at + 4 <= bytes.length; ) {
      const short = (bytes[at + 1] as number) & 0x7f
      const [length, start] =
        short < 126
          ? [short, at + 2]
          : short === 126
            ? [bytes.readUInt16BE(at + 2), at + 4]
            : [Number(bytes.readBigUInt64BE(at + 2)), at + 10]
      if (start + length > bytes.length) break
      if (((bytes[at] as number) & 0x0f) === 2) {
        const frame = decodeFrame(bytes.subarray(start, start + length), 16)
        if (frame instanceof MalformedFrame) throw new Error(`the server sent a malformed frame: ${frame.detail}`)
        frames.push(frame)
      }
      at = start + length
    }
    return frames
  }

  private take(count: number, buffer: Buffer): boolean {
    this.taken.push(buffer.subarray(0, count))
    const { upgraded } = this
    this.upgraded = undefined
    upgraded?.()
    return this.isFast
  }

  private sip(): void {
    if (!this.isFast && this.isSipping) this.socket.resume()
  }

  private end(): void {
    clearInterval(this.timer)
    this.socket.destroy()
  }
}
