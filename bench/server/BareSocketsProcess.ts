import { App, type us_listen_socket, us_socket_local_port, type WebSocket } from "uWebSockets.js"
import { defaultLimits } from "../../src/config/Limits.ts"
import { clockFault, flagsOf } from "../../src/domain/TelemetryRules.ts"
import { ackFrame } from "../../src/protocol/AckFrame.ts"
import { encodeFrame } from "../../src/protocol/FrameCodec.ts"
import { DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { PointBlock } from "../../src/protocol/PointBlock.ts"
import { PointReader } from "../../src/protocol/PointReader.ts"
import { answer } from "../process/Answering.ts"
import { memorySample, type ServerOperations } from "./ServerOperations.ts"

/** Where a phone of this contestant stands. */
class Phone {
  seq = 0
  isOwed = false
  isWelcome = false
  /** Flags of all its points together: the rules' answers must be used, or the compiler would leave them out. */
  flags = 0
  readonly previous = { recordedAt: 0, latE7: 0, lngE7: 0 }
}

interface SocketData {
  readonly phone: Phone
}

const block = new PointBlock(defaultLimits.batchPointsMax)
const reader = new PointReader(block)
let taken = 0

const judge = (phone: Phone): void => {
  const now = Date.now()
  const { previous } = phone
  for (let i = 0; i < block.count; i++) {
    const recordedAt = block.recordedAt[i] as number
    const lat = block.latE7[i] as number
    const lng = block.lngE7[i] as number
    if (clockFault(recordedAt, now, defaultLimits) !== undefined) continue
    const speed = block.speedCms[i] as number
    const accuracy = block.accuracyCm[i] as number
    const before = previous.recordedAt === 0 ? undefined : previous
    phone.flags |= flagsOf(recordedAt, lat, lng, speed, accuracy, now, before, defaultLimits.lateAfterMs)
    previous.recordedAt = recordedAt
    previous.latE7 = lat
    previous.lngE7 = lng
  }
  taken += block.count
  phone.seq = block.firstSeq + block.count - 1
}

const owed: Array<WebSocket<SocketData>> = []

/** One ACK a socket and turn of the loop, as a flush of the product sends one a device. */
const payOwed = (): void => {
  for (const socket of owed.splice(0)) {
    const { phone } = socket.getUserData()
    phone.isOwed = false
    socket.send(ackFrame(phone.seq), true)
  }
}

/** uWebSockets, the frame reader and the rules, and no database: what the wire alone costs. */
const listen = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const app = App()
    app.ws<SocketData>("/v1/driver", {
      compression: 0,
      maxPayloadLength: defaultLimits.frameBytesMax,
      upgrade: (response, request, context) => {
        const key = request.getHeader("sec-websocket-key")
        response.upgrade<SocketData>({ phone: new Phone() }, key, "", "", context)
      },
      message: (socket, message) => {
        const { phone } = socket.getUserData()
        if (!phone.isWelcome) {
          phone.isWelcome = true
          socket.send(encodeFrame([DriverServerFrame.welcome, "ses", 0, 1_000, Date.now(), {}, null]), true)
          return
        }
        if (!reader.read(new Uint8Array(message))) return
        judge(phone)
        if (phone.isOwed) return
        phone.isOwed = true
        if (owed.push(socket) === 1) setImmediate(payOwed)
      }
    })
    app.listen("127.0.0.1", 0, (socket: us_listen_socket | false) => {
      if (socket === false) reject(new Error("cannot listen on 127.0.0.1"))
      else resolve(us_socket_local_port(socket))
    })
  })

answer({
  listen,
  sample: ({ collect }) => ({ commits: 0, rows: 0, cursors: 0, taken, ...memorySample(collect) })
} satisfies ServerOperations)
