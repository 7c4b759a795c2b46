import { createServer as createHttpServer } from "node:http"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import { expect, it, onTestFinished } from "vitest"
import { PeerHeader } from "../../src/gateway/PeerHeader.ts"
import { pipeUpgrades } from "../../src/gateway/UpgradePipe.ts"
import { until } from "../kit/Until.ts"

const listening = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

it("a pipe is over once the realtime side has said goodbye and hung up, though the client only answers its close", async () => {
  const upstreams: Array<Socket> = []
  const upstreamPort = await listening(
    createServer((socket) => {
      upstreams.push(socket)
      socket.once("data", () => socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\nhello"))
    })
  )
  const http = createHttpServer()
  const port = await listening(http)
  const pipes = pipeUpgrades(http, new PeerHeader(), { host: "127.0.0.1", port: upstreamPort })
  const client = connect({ host: "127.0.0.1", port })
  onTestFinished(() => void client.destroy())
  let heard = ""
  client.on("data", (chunk: Buffer) => {
    heard += chunk.toString()
    // A WebSocket answers the close frame; the frame finds nobody any more.
    if (heard.includes("bye")) client.write("bye too")
  })
  client.write("GET /v1/driver HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
  await until(
    "the greeting through the pipe",
    () => heard,
    (text) => text.includes("hello")
  )
  expect(pipes.size).toBe(1)
  upstreams[0]?.end("bye")
  upstreams[0]?.destroySoon()
  await until(
    "the end of the pipe",
    () => pipes.size,
    (size) => size === 0
  )
  expect(heard).toContain("bye")
})

const answerTo = async (port: number, path: string): Promise<{ readonly status: number; readonly code: unknown }> => {
  const client = connect({ host: "127.0.0.1", port })
  onTestFinished(() => void client.destroy())
  let heard = ""
  client.on("data", (chunk: Buffer) => {
    heard += chunk.toString()
  })
  client.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`)
  await new Promise((resolve) => client.once("close", resolve))
  const [head = "", body = ""] = heard.split("\r\n\r\n")
  expect(head).toContain("content-type: application/problem+json")
  return { status: Number(head.split(" ")[1]), code: JSON.parse(body).code }
}

it("an upgrade that leads nowhere, or to a listener that is gone, is refused as a problem document", async () => {
  const gone = createServer()
  const upstreamPort = await listening(gone)
  await new Promise((resolve) => gone.close(resolve))
  const http = createHttpServer()
  const port = await listening(http)
  pipeUpgrades(http, new PeerHeader(), { host: "127.0.0.1", port: upstreamPort })
  expect(await answerTo(port, "/v1/nowhere")).toEqual({ status: 404, code: "not_found" })
  expect(await answerTo(port, "/v1/driver")).toEqual({ status: 503, code: "draining" })
})
