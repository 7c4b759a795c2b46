import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Server } from "socket.io"
import { answer } from "../process/Answering.ts"
import { insertSql, type JsonPoint, pointPool, pointValues } from "./JsonPoint.ts"
import { memorySample, type ServerOperations, type ServerPlan } from "./ServerOperations.ts"

let rows = 0

/** The usual tracking server: Socket.IO, JSON, one INSERT a point, the acknowledgement after it. It keeps no cursor. */
const listen = (plan: ServerPlan): Promise<number> => {
  const pool = pointPool(plan.databaseUrl)
  const insert = { name: "point", text: insertSql(1) }
  const http = createServer()
  const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false })
  io.on("connection", (socket) => {
    const driverId = String(socket.handshake.auth.token)
    socket.on("point", async (point: JsonPoint, acknowledge: () => void) => {
      await pool.query({ ...insert, values: [...pointValues(driverId, point, Date.now())] })
      rows++
      acknowledge()
    })
  })
  return new Promise((resolve) => http.listen(0, "127.0.0.1", () => resolve((http.address() as AddressInfo).port)))
}

answer({
  listen,
  sample: ({ collect }) => ({ commits: rows, rows, cursors: 0, taken: rows, ...memorySample(collect) })
} satisfies ServerOperations)
