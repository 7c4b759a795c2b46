import type { ClientSocket, SocketFactory } from "../../src/client/SocketFactory.ts"
import type { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { decodeFrame, MalformedFrame } from "../../src/protocol/FrameCodec.ts"
import { DriverClientFrame, DriverServerFrame } from "../../src/protocol/FrameType.ts"

/** What was done to frames so far. */
export interface LossyNetworkCounts {
  dropped: number
  doubled: number
  delayed: number
  acksDropped: number
}

/** A delayed frame is let go after this many later ones. */
const heldFramesMax = 4

const typeOf = (bytes: Uint8Array): unknown => {
  const frame = decodeFrame(bytes, 16)
  return frame instanceof MalformedFrame ? undefined : frame[0]
}

/**
 * Sockets that lose, repeat and overtake frames with points, and lose acknowledgements, as no TCP connection does but bad proxies and
 * bad apps do. What is said besides points comes through. `heal` ends it for what is sent from then on.
 */
export class LossyNetwork {
  readonly counts: LossyNetworkCounts = { dropped: 0, doubled: 0, delayed: 0, acksDropped: 0 }
  private readonly random: SeededRandom
  private isHealed = false

  constructor(random: SeededRandom) {
    this.random = random
  }

  heal(): void {
    this.isHealed = true
  }

  sockets(inner: SocketFactory): SocketFactory {
    return (url, events) => {
      const socket = inner(url, {
        ...events,
        received: (bytes) => {
          if (!this.isHealed && typeOf(bytes) === DriverServerFrame.ack && this.random.chance(0.1))
            this.counts.acksDropped++
          else events.received(bytes)
        }
      })
      return { ...socket, send: this.sender(socket) }
    }
  }

  private sender(socket: ClientSocket): ClientSocket["send"] {
    const held: Array<{ readonly bytes: Uint8Array<ArrayBuffer>; later: number }> = []
    return (bytes) => {
      const type = typeOf(bytes)
      const isTelemetry = type === DriverClientFrame.point || type === DriverClientFrame.batch
      if (isTelemetry && !this.isHealed) this.transmit(socket, bytes, held)
      else socket.send(bytes)
      for (const frame of held.splice(0)) {
        if (--frame.later > 0) held.push(frame)
        else socket.send(frame.bytes)
      }
    }
  }

  private transmit(
    socket: ClientSocket,
    bytes: Uint8Array<ArrayBuffer>,
    held: Array<{ readonly bytes: Uint8Array<ArrayBuffer>; later: number }>
  ): void {
    const { counts, random } = this
    if (random.chance(0.04)) {
      counts.dropped++
      return
    }
    if (random.chance(0.06)) {
      counts.delayed++
      held.push({ bytes, later: 1 + random.below(heldFramesMax) })
      return
    }
    socket.send(bytes)
    if (!random.chance(0.1)) return
    counts.doubled++
    if (random.chance(0.5)) socket.send(bytes)
    else held.push({ bytes, later: 1 + random.below(heldFramesMax) })
  }
}
