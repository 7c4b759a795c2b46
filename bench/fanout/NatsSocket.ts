import { createConnection, type Socket } from "node:net"

const readBuffer = Buffer.allocUnsafe(256 * 1024)
const pong = Buffer.from("PONG\r\n")

/**
 * A NATS connection that reads nothing but messages, and PONG, which the server sends once all that came before the PING is
 * done. The protocol is lines; only MSG is followed by so many bytes as it says.
 */
export class NatsSocket {
  private readonly socket: Socket
  private rest: Buffer | undefined
  private readonly on: {
    readonly open: () => void
    readonly ponged: () => void
    readonly payload: (bytes: Buffer, start: number, end: number) => void
    readonly end: (reason: string) => void
  }

  constructor(host: string, port: number, on: NatsSocket["on"]) {
    this.on = on
    this.socket = createConnection({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: () => readBuffer,
        callback: (count, buffer) => {
          this.read((buffer as Buffer).subarray(0, count))
          return true
        }
      }
    })
    this.socket.on("connect", on.open)
    this.socket.on("error", (error) => on.end(error.message))
    this.socket.on("close", () => on.end("connection closed"))
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes)
  }

  destroy(): void {
    this.socket.destroy()
  }

  private read(chunk: Buffer): void {
    const bytes = this.rest === undefined ? chunk : Buffer.concat([this.rest, chunk])
    let at = 0
    for (;;) {
      const next = this.line(bytes, at)
      if (next < 0) break
      at = next
    }
    this.rest = at < bytes.length ? Buffer.from(bytes.subarray(at)) : undefined
  }

  /** Handles the line at `at`, with its payload; answers where the next one begins, or -1 when this one is not whole yet. */
  private line(bytes: Buffer, at: number): number {
    const end = bytes.indexOf("\r\n", at)
    if (end < 0) return -1
    const start = end + 2
    switch (bytes[at]) {
      case 0x4d: {
        // MSG <subject> <sid> <bytes>
        const length = Number(bytes.toString("latin1", bytes.lastIndexOf(0x20, end) + 1, end))
        if (start + length + 2 > bytes.length) return -1
        this.on.payload(bytes, start, start + length)
        return start + length + 2
      }
      case 0x2d:
        this.on.end(bytes.toString("latin1", at, end))
        return start
      case 0x50:
        if (bytes[at + 1] === 0x4f) this.on.ponged()
        else this.write(pong)
        return start
      default:
        return start
    }
  }
}
