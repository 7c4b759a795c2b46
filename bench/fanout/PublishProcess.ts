import { encodeFrame } from "../../src/protocol/FrameCodec.ts"
import { TrackingServerFrame } from "../../src/protocol/FrameType.ts"
import { answer } from "../process/Answering.ts"
import type { FanoutServerOperations } from "./FanoutOperations.ts"
import { latE7Of } from "./Place.ts"
import { listenForSockets } from "./SocketServer.ts"
import { readSource } from "./SourceFrame.ts"

const watching = Buffer.of(0)

/**
 * Bare uWebSockets: a topic a subject, and `publish` of the frame that the product would send, encoded once a move. No state, no
 * stages, no view of back-pressure.
 */
const listen = async (): Promise<number> => {
  const server = await listenForSockets<object>({
    made: () => ({}),
    message: (socket, message) => {
      const request = readSource(message)
      switch (request._tag) {
        case "Topic":
          socket.subscribe(String(request.subject))
          return void socket.send(watching, true)
        case "View":
          for (let i = 0; i < request.count; i++) socket.subscribe(String(request.first + i))
          return void socket.send(watching, true)
        case "Move":
          for (let i = 0; i < request.count; i++) {
            const subject = request.first + i
            const place = [Date.now(), latE7Of(subject), request.stamp, 1_100, 9_000, subject]
            server.publish(String(subject), encodeFrame([TrackingServerFrame.position, ...place]))
          }
      }
    }
  })
  return server.port
}

answer({ listen } satisfies FanoutServerOperations)
