import type { AddressInfo } from "node:net"
import { type WebSocket, WebSocketServer } from "ws"
import { answer } from "../process/Answering.ts"
import { insertRowsMax, insertSql, type JsonPoint, pointPool, pointValues } from "./JsonPoint.ts"
import { memorySample, type ServerOperations, type ServerPlan } from "./ServerOperations.ts"

interface Held {
  readonly socket: WebSocket
  readonly driverId: string
  readonly point: JsonPoint
  readonly receivedAt: number
}

const flushEveryMs = 100
let held: Array<Held> = []
let rows = 0
let commits = 0

/** What a careful developer writes: `ws`, JSON, points gathered for 100 ms, multi-row INSERTs, then one ack a socket. */
const listen = (plan: ServerPlan): Promise<number> => {
  const pool = pointPool(plan.databaseUrl)
  const store = async (chunk: ReadonlyArray<Held>): Promise<void> => {
    const values = chunk.flatMap((item) => pointValues(item.driverId, item.point, item.receivedAt))
    // Prepared only at full size: every other size would leave one more statement on each connection.
    const name = chunk.length === insertRowsMax ? { name: "points" } : {}
    await pool.query({ ...name, text: insertSql(chunk.length), values })
    rows += chunk.length
    commits++
  }
  const flush = async (): Promise<void> => {
    const taken = held
    held = []
    const chunks: Array<ReadonlyArray<Held>> = []
    for (let i = 0; i < taken.length; i += insertRowsMax) chunks.push(taken.slice(i, i + insertRowsMax))
    await Promise.all(chunks.map(store))
    const acks = new Map<WebSocket, number>()
    for (const { socket, point } of taken) acks.set(socket, point.seq)
    for (const [socket, seq] of acks) socket.send(`{"ack":${seq}}`)
  }
  const loop = (): void => {
    setTimeout(() => void flush().then(loop), flushEveryMs)
  }
  loop()
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false })
  server.on("connection", (socket) => {
    let driverId: string | undefined
    socket.on("message", (data: Buffer) => {
      const message = JSON.parse(data.toString())
      if (driverId === undefined) {
        driverId = String(message.hello)
        socket.send('{"welcome":1}')
      } else held.push({ socket, driverId, point: message, receivedAt: Date.now() })
    })
  })
  return new Promise((resolve) => server.on("listening", () => resolve((server.address() as AddressInfo).port)))
}

answer({
  listen,
  sample: ({ collect }) => ({ commits, rows, cursors: 0, taken: rows, ...memorySample(collect) })
} satisfies ServerOperations)
