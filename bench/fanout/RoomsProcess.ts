import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Server } from "socket.io"
import { answer } from "../process/Answering.ts"
import type { FanoutServerOperations, Watch } from "./FanoutOperations.ts"
import { latE7Of } from "./Place.ts"

/** Socket.IO: a room a subject, and one emit to it a move, as its manual shows it. */
const listen = (): Promise<number> => {
  const http = createServer()
  const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false })
  io.on("connection", (socket) => {
    socket.on("watch", async (watch: Watch) => {
      const [first, count] = watch._tag === "Topic" ? [watch.subject, 1] : [watch.first, watch.count]
      await socket.join(Array.from({ length: count }, (_, i) => String(first + i)))
      socket.emit("watching")
    })
    socket.on("move", (first: number, count: number, stamp: number) => {
      for (let subject = first; subject < first + count; subject++) {
        io.to(String(subject)).emit("position", {
          recordedAt: Date.now(),
          latE7: latE7Of(subject),
          lngE7: stamp,
          speedCms: 1_100,
          headingCdeg: 9_000,
          subject
        })
      }
    })
  })
  return new Promise((resolve) => http.listen(0, "127.0.0.1", () => resolve((http.address() as AddressInfo).port)))
}

answer({ listen } satisfies FanoutServerOperations)
