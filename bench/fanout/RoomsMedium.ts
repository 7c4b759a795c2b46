import { clientFrame } from "../load/RawSocket.ts"
import type { Medium } from "./Medium.ts"

const text = (value: string): Buffer => clientFrame(Buffer.from(value), false)
const stampKey = '"lngE7":'

/** Socket.IO 4 over Engine.IO 4, spoken by hand so that its server is measured and not its client. */
export const roomsMedium: Medium = {
  path: "/socket.io/?EIO=4&transport=websocket",
  greeting: text("40"),
  awaitsWelcome: true,
  watch: (watch) => text(`42${JSON.stringify(["watch", watch])}`),
  move: (first, count, stamp) => text(`42${JSON.stringify(["move", first, count, stamp])}`),
  read: (bytes, start, end, on) => {
    const packet = bytes.toString("latin1", start, end)
    const stamp = packet.indexOf(stampKey)
    if (stamp > 0) {
      on.framed(end - start, undefined)
      return on.delivered(Number.parseInt(packet.slice(stamp + stampKey.length), 10), 1)
    }
    if (packet.startsWith("42")) return on.ready()
    if (packet === "2") return on.say(text("3"))
    if (packet.startsWith("40")) return on.welcomed()
    if (!packet.startsWith("0")) on.surprised(packet)
  }
}
