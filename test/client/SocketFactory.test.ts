import { createServer } from "node:net"
import { describe, expect, it } from "vitest"
import WS, { WebSocketServer } from "ws"
import { type SocketFactory, type WebSocketConstructor, webSocketFactory } from "../../src/client/SocketFactory.ts"

const kinds: ReadonlyArray<readonly [string, SocketFactory]> = [
  ["Node's own WebSocket", webSocketFactory()],
  ["ws", webSocketFactory(WS as unknown as WebSocketConstructor)]
]

const portOf = (server: { address: () => unknown }): number => (server.address() as { port: number }).port

/** What a socket tells until it is closed, in order. `onOpen` acts on it once it is open. */
const told = (connect: SocketFactory, url: string, onOpen: (socket: ReturnType<SocketFactory>) => void) =>
  new Promise<ReadonlyArray<unknown>>((resolve) => {
    const log: Array<unknown> = []
    const socket = connect(url, {
      opened: () => {
        log.push("opened")
        onOpen(socket)
      },
      received: (bytes) => {
        log.push([...bytes])
      },
      closed: (code, reason) => {
        log.push([code, reason])
        resolve(log)
      }
    })
  })

describe.each(kinds)("a socket of %s", (_name, connect) => {
  it("tells at once that nobody listens", async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const port = portOf(server)
    await new Promise((resolve) => server.close(resolve))
    expect(await told(connect, `ws://127.0.0.1:${port}/`, () => undefined)).toEqual([[1006, ""]])
  })

  it("tells that the upgrade was refused", async () => {
    const server = createServer((socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n"))
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    expect(await told(connect, `ws://127.0.0.1:${portOf(server)}/`, () => undefined)).toEqual([[1006, ""]])
    await new Promise((resolve) => server.close(resolve))
  })

  it("carries bytes both ways and tells the server's close code", async () => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" })
    await new Promise((resolve) => server.once("listening", resolve))
    server.on("connection", (peer) =>
      peer.on("message", (bytes: Buffer) => {
        peer.send(bytes)
        peer.close(4_503, "replaced")
      })
    )
    const log = await told(connect, `ws://127.0.0.1:${portOf(server)}/`, (socket) =>
      socket.send(new Uint8Array([1, 2, 3]))
    )
    expect(log).toEqual(["opened", [1, 2, 3], [4_503, "replaced"]])
    await new Promise((resolve) => server.close(resolve))
  })
})
