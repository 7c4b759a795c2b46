import { connect, type Socket } from "node:net"

const headEnd = Buffer.from("\r\n\r\n")

/**
 * One HTTP/1.1 connection that is kept, with one request on the way. Reads status and length and nothing else: the load shares the
 * machine with the server, and a whole client would cost as much as the answer.
 */
export class HttpSocket {
  private readonly socket: Socket
  private received: Buffer = Buffer.alloc(0)
  private waiting: { readonly resolve: (status: number) => void; readonly reject: (error: Error) => void } | undefined

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on("data", (chunk) => this.read(chunk))
    socket.on("error", (error) => this.fail(error))
    socket.on("close", () => this.fail(new Error("the server closed the connection")))
  }

  static connect(port: number): Promise<HttpSocket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true })
      socket.once("error", reject)
      socket.once("connect", () => {
        socket.off("error", reject)
        resolve(new HttpSocket(socket))
      })
    })
  }

  /** Sends a whole request; answers the status once the body is there. */
  ask(request: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) return reject(new Error("the connection is closed"))
      this.waiting = { resolve, reject }
      this.socket.write(request)
    })
  }

  end(): void {
    this.socket.destroy()
  }

  private fail(error: Error): void {
    this.waiting?.reject(error)
    this.waiting = undefined
  }

  private read(chunk: Buffer): void {
    this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk])
    const bodyAt = this.received.indexOf(headEnd)
    if (bodyAt < 0) return
    const head = this.received.toString("latin1", 0, bodyAt)
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
    if (length === undefined) return this.fail(new Error("an answer without a length"))
    if (this.received.length < bodyAt + headEnd.length + Number(length)) return
    this.received = Buffer.alloc(0)
    const { waiting } = this
    this.waiting = undefined
    waiting?.resolve(Number(head.slice(9, 12)))
  }
}
