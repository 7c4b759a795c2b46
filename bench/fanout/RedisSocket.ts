import { createConnection, type Socket } from "node:net"

const readBuffer = Buffer.allocUnsafe(256 * 1024)
const messageWord = "message"

/**
 * A Redis connection that reads nothing but pub/sub messages and the answer to PING. Replies are arrays of bulk strings; integers
 * and simple strings (what PUBLISH and AUTH answer) are passed over.
 */
export class RedisSocket {
  private readonly socket: Socket
  private rest: Buffer | undefined
  private readonly on: {
    readonly open: () => void
    readonly ponged: () => void
    readonly payload: (bytes: Buffer, start: number, end: number) => void
    readonly end: (reason: string) => void
  }

  constructor(host: string, port: number, on: RedisSocket["on"]) {
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
      const next = this.reply(bytes, at)
      if (next < 0) break
      at = next
    }
    this.rest = at < bytes.length ? Buffer.from(bytes.subarray(at)) : undefined
  }

  /** Handles the reply at `at`; answers where the next one begins, or -1 when this one is not whole yet. */
  private reply(bytes: Buffer, at: number): number {
    const line = bytes.indexOf("\r\n", at)
    if (line < 0) return -1
    const head = bytes[at]
    if (head === 0x2d) this.on.end(bytes.toString("latin1", at, line))
    // Outside of pub/sub PING is answered with a simple string, and so are AUTH and PUBLISH in their ways.
    if (head !== 0x2a) return line + 2
    const fields: Array<readonly [start: number, end: number]> = []
    let next = line + 2
    for (let left = numberAt(bytes, at + 1, line); left > 0; left--) {
      const field = bytes.indexOf("\r\n", next)
      if (field < 0) return -1
      if (bytes[next] !== 0x24) {
        next = field + 2
        continue
      }
      const start = field + 2
      const end = start + Math.max(0, numberAt(bytes, next + 1, field))
      if (end + 2 > bytes.length) return -1
      fields.push([start, end])
      next = end + 2
    }
    this.heard(bytes, fields)
    return next
  }

  private heard(bytes: Buffer, fields: ReadonlyArray<readonly [start: number, end: number]>): void {
    const [first] = fields
    const last = fields.at(-1)
    if (first === undefined || last === undefined) return
    const word = bytes.toString("latin1", ...first)
    if (word === messageWord) this.on.payload(bytes, ...last)
    else if (word === "pong") this.on.ponged()
  }
}

const numberAt = (bytes: Buffer, start: number, end: number): number => Number(bytes.toString("latin1", start, end))
