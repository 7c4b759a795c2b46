import { createConnection, type Socket } from "node:net"

const opText = 1
const opBinary = 2
const opClose = 8
const opPing = 9

/** One buffer for every socket's reads: a read is handled to its end before the next one begins. */
const readBuffer = Buffer.allocUnsafe(256 * 1024)

/** Where to connect and what to say in the upgrade request. */
export interface RawTarget {
  readonly host: string
  readonly port: number
  readonly path: string
}

/**
 * Bytes of a client frame's head for a payload of `length` bytes: final, masked with the key 0, under which masked and plain
 * bytes are the same (RFC 6455, 5.3). The server unmasks as it always does; the client saves the work.
 */
export const frameHead = (length: number, isBinary: boolean): Buffer => {
  const first = 0x80 | (isBinary ? opBinary : opText)
  if (length < 126) return Buffer.of(first, 0x80 | length, 0, 0, 0, 0)
  return Buffer.of(first, 0x80 | 126, length >> 8, length & 0xff, 0, 0, 0, 0)
}

/** A whole client frame. */
export const clientFrame = (payload: Uint8Array, isBinary: boolean): Buffer =>
  Buffer.concat([frameHead(payload.length, isBinary), payload])

/**
 * A WebSocket client that does next to nothing: TCP, the upgrade, and the heads of the server's frames. It exists so that the
 * load generator leaves the machine to what is measured; it is no client for anything else (no fragments, no masking).
 */
export class RawSocket {
  private readonly socket: Socket
  private rest: Buffer | undefined
  private isUpgraded = false
  private isOver = false
  private readonly onPayload: (bytes: Buffer, start: number, end: number) => void
  private readonly onOpen: () => void
  private readonly onEnd: (reason: string) => void

  constructor(
    target: RawTarget,
    on: {
      readonly open: () => void
      /** The payload lies in bytes[start, end) and dies when the call returns. */
      readonly payload: (bytes: Buffer, start: number, end: number) => void
      /** Called once, when nothing more will come. */
      readonly end: (reason: string) => void
    }
  ) {
    this.onOpen = on.open
    this.onPayload = on.payload
    this.onEnd = on.end
    this.socket = createConnection({
      host: target.host,
      port: target.port,
      noDelay: true,
      onread: {
        buffer: () => readBuffer,
        callback: (count, buffer) => {
          this.read(buffer as Buffer, count)
          return true
        }
      }
    })
    this.socket.on("connect", () => {
      this.socket.write(
        `GET ${target.path} HTTP/1.1\r\nHost: ${target.host}:${target.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
      )
    })
    this.socket.on("error", (error) => this.over(error.message))
    this.socket.on("close", () => this.over("connection closed"))
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes)
  }

  /** Ends without a close handshake. */
  destroy(): void {
    this.isOver = true
    this.socket.destroy()
  }

  private over(reason: string): void {
    if (this.isOver) return
    this.isOver = true
    this.onEnd(reason)
  }

  private read(buffer: Buffer, count: number): void {
    const bytes =
      this.rest === undefined ? buffer.subarray(0, count) : Buffer.concat([this.rest, buffer.subarray(0, count)])
    this.rest = undefined
    const at = this.isUpgraded ? this.frames(bytes, 0) : this.upgrade(bytes)
    if (at < bytes.length) this.rest = Buffer.from(bytes.subarray(at))
  }

  private upgrade(bytes: Buffer): number {
    const end = bytes.indexOf("\r\n\r\n")
    if (end < 0) return 0
    const status = bytes.toString("latin1", 0, bytes.indexOf("\r\n"))
    if (!status.startsWith("HTTP/1.1 101")) {
      this.over(status)
      this.socket.destroy()
      return bytes.length
    }
    this.isUpgraded = true
    this.onOpen()
    return this.frames(bytes, end + 4)
  }

  /** Handles whole frames from `at`; answers where the first unfinished one begins. */
  private frames(bytes: Buffer, from: number): number {
    let at = from
    while (at + 2 <= bytes.length) {
      const operation = (bytes[at] as number) & 0x0f
      let length = (bytes[at + 1] as number) & 0x7f
      let start = at + 2
      if (length === 126) {
        if (at + 4 > bytes.length) return at
        length = bytes.readUInt16BE(at + 2)
        start = at + 4
      } else if (length === 127) {
        if (at + 10 > bytes.length) return at
        length = Number(bytes.readBigUInt64BE(at + 2))
        start = at + 10
      }
      const end = start + length
      if (end > bytes.length) return at
      if (operation <= opBinary) this.onPayload(bytes, start, end)
      else this.control(operation, bytes, start, end)
      at = end
    }
    return at
  }

  private control(operation: number, bytes: Buffer, start: number, end: number): void {
    if (operation === opPing) {
      this.write(Buffer.concat([Buffer.of(0x8a, 0x80 | (end - start), 0, 0, 0, 0), bytes.subarray(start, end)]))
    } else if (operation === opClose) {
      const code = end - start >= 2 ? bytes.readUInt16BE(start) : 1005
      this.over(`closed with ${code} ${bytes.toString("utf8", Math.min(start + 2, end), end)}`)
      this.socket.destroy()
    }
  }
}
