import { type AddressInfo, createConnection, createServer, type Socket } from "node:net"

/** Where bytes go on to. */
export type ProxyTarget = { readonly host: string; readonly port: number } | { readonly path: string }

/** Whether some bytes are the ones a fault waits for. */
export type BytesMatch = (bytes: Buffer) => boolean

interface Pair {
  /** The side that connected to the proxy. */
  readonly near: Socket
  readonly far: Socket
  /** True: what `far` still says is not passed on. */
  isMute: boolean
}

/** A TCP proxy on loopback that a test can make fail in the ways that networks do. */
export class FaultProxy {
  readonly port: number
  /** How often `cutOnAnswer` or `cutAfterAsking` has struck. */
  strikes = 0
  private readonly close: () => Promise<void>
  private readonly pairs: Set<Pair>
  private readonly gate: { isOpen: boolean; isStalled: boolean; accept: (near: Socket) => void }
  private answerFault: BytesMatch | undefined
  private askFault: BytesMatch | undefined

  private constructor(
    port: number,
    close: () => Promise<void>,
    gate: { isOpen: boolean; isStalled: boolean; accept: (near: Socket) => void },
    target: ProxyTarget
  ) {
    this.port = port
    this.close = close
    this.gate = gate
    this.pairs = new Set()
    gate.accept = (near) => this.join(near, target)
  }

  static async start(target: ProxyTarget): Promise<FaultProxy> {
    const gate = { isOpen: true, isStalled: false, accept: (near: Socket): void => void near.destroy() }
    const server = createServer({ noDelay: true }, (near) => {
      near.on("error", () => undefined)
      if (gate.isOpen) gate.accept(near)
      else near.resetAndDestroy()
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const close = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()))
    return new FaultProxy((server.address() as AddressInfo).port, close, gate, target)
  }

  private join(near: Socket, target: ProxyTarget): void {
    const far = createConnection(target)
    const pair: Pair = { near, far, isMute: false }
    this.pairs.add(pair)
    const end = (): void => {
      this.pairs.delete(pair)
      near.destroy()
      far.destroy()
    }
    for (const socket of [near, far]) {
      socket.on("error", end)
      socket.on("close", end)
    }
    near.on("data", (bytes) => this.asked(pair, bytes))
    far.on("data", (bytes) => this.answered(pair, bytes))
    near.on("drain", () => this.gate.isStalled || far.resume())
    far.on("drain", () => this.gate.isStalled || near.resume())
    if (this.gate.isStalled) {
      near.pause()
      far.pause()
    }
  }

  private asked(pair: Pair, bytes: Buffer): void {
    const { near, far } = pair
    if (this.askFault?.(bytes) === true) {
      this.askFault = undefined
      this.strikes++
      pair.isMute = true
      // The other side reads all of this before it notices that nobody listens any more.
      far.end(bytes)
      near.resetAndDestroy()
      return
    }
    if (!far.write(bytes)) near.pause()
  }

  private answered(pair: Pair, bytes: Buffer): void {
    const { near, far } = pair
    if (pair.isMute) return
    if (this.answerFault?.(bytes) === true) {
      this.answerFault = undefined
      this.strikes++
      far.destroy()
      near.resetAndDestroy()
      return
    }
    if (!near.write(bytes)) far.pause()
  }

  /** Cuts every connection and refuses new ones until `restore`. */
  cut(): void {
    this.gate.isOpen = false
    this.cutOnce()
  }

  /** Cuts every connection; new ones are let through. */
  cutOnce(): void {
    for (const { near, far } of [...this.pairs]) {
      near.resetAndDestroy()
      far.destroy()
    }
  }

  /** Holds all bytes of both directions: connections stay up and nothing moves, until `restore`. */
  stall(): void {
    this.gate.isStalled = true
    for (const { near, far } of this.pairs) {
      near.pause()
      far.pause()
    }
  }

  restore(): void {
    this.gate.isOpen = true
    this.gate.isStalled = false
    for (const { near, far } of this.pairs) {
      near.resume()
      far.resume()
    }
  }

  /** The next answer that matches is swallowed, and its connection cut: it was said, and never heard. */
  cutOnAnswer(matches: BytesMatch): void {
    this.answerFault = matches
  }

  /** The next question that matches is passed on whole, and its connection cut before any answer: it may or may not be carried out. */
  cutAfterAsking(matches: BytesMatch): void {
    this.askFault = matches
  }

  async stop(): Promise<void> {
    this.gate.isOpen = false
    this.cutOnce()
    await this.close()
  }
}

/** Where the PostgreSQL of a connection URL listens. */
const databaseTarget = (url: URL): ProxyTarget => {
  const folder = url.searchParams.get("host")
  const port = Number(url.port === "" ? 5432 : url.port)
  return folder === null ? { host: url.hostname, port } : { path: `${folder}/.s.PGSQL.${port}` }
}

/** A proxy in front of a database, and the URL that goes through it. */
export const proxyDatabase = async (
  databaseUrl: string
): Promise<{ readonly proxy: FaultProxy; readonly url: string }> => {
  const direct = new URL(databaseUrl)
  const proxy = await FaultProxy.start(databaseTarget(direct))
  return {
    proxy,
    url: `postgresql://${direct.username}:${direct.password}@127.0.0.1:${proxy.port}${direct.pathname}`
  }
}
