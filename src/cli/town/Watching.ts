import type { DeliveryRest } from "../../client/DeliveryRest.ts"
import { type ClientSocket, type SocketFactory, webSocketFactory } from "../../client/SocketFactory.ts"
import { TrackingClient } from "../../client/TrackingClient.ts"
import { decodeFrame, MalformedFrame } from "../../protocol/FrameCodec.ts"
import { pause } from "../fleet/ClientFleet.ts"
import type { TownClock } from "./TownClock.ts"
import { TrackingWitness } from "./TrackingWitness.ts"

const lookEveryMs = 250
/** Frames nest less. */
const frameDepthMax = 16

/** Sockets whose every message `heard` gets first. */
const overheard =
  (sockets: SocketFactory, heard: (bytes: Uint8Array) => void): SocketFactory =>
  (url, events): ClientSocket =>
    sockets(url, {
      ...events,
      received: (bytes) => {
        heard(bytes)
        events.received(bytes)
      }
    })

/** A page that shows the end is closed after this. */
const lingersMs = 5_000

/** Customers who look at their order's page, each with a witness of what it is told. */
export class Watching {
  readonly witnesses: Array<TrackingWitness> = []
  /** Why a page could not be opened. */
  readonly failures: Array<string> = []
  reconnects = 0
  private readonly clock: TownClock
  private readonly sockets: SocketFactory
  private readonly open = new Set<Promise<void>>()

  constructor(clock: TownClock, sockets: SocketFactory = webSocketFactory()) {
    this.clock = clock
    this.sockets = sockets
  }

  /** Somebody opens the page of an order; it closes some time after the order's end, and when the signal fires. `saw` hears its PIN. */
  begin(rest: DeliveryRest, orderId: string, signal: AbortSignal, saw: (pin: string) => void): void {
    this.open.add(
      this.watch(rest, orderId, signal, saw).catch((cause: unknown) => {
        if (!signal.aborted) this.failures.push(cause instanceof Error ? cause.message : String(cause))
      })
    )
  }

  /** Resolves when every page is closed. */
  async closed(): Promise<void> {
    await Promise.all(this.open)
  }

  private async watch(
    rest: DeliveryRest,
    orderId: string,
    signal: AbortSignal,
    saw: (pin: string) => void
  ): Promise<void> {
    const { token, websocket_url } = await rest.createTrackingLink(orderId)
    const witness = new TrackingWitness(orderId)
    this.witnesses.push(witness)
    const hear = (bytes: Uint8Array): void => {
      const frame = decodeFrame(bytes, frameDepthMax)
      if (frame instanceof MalformedFrame) witness.faults.push(`a malformed frame: ${frame.detail}`)
      else witness.hear(frame)
    }
    const client = new TrackingClient(
      { url: websocket_url, token, sockets: overheard(this.sockets, hear) },
      {
        lost: () => {
          this.reconnects++
        },
        changed: ({ deliveryPin }) => {
          if (deliveryPin !== undefined) saw(deliveryPin)
        }
      }
    )
    client.start()
    try {
      for (let endedAtMs = Number.POSITIVE_INFINITY; client.stopped === undefined; ) {
        await pause(lookEveryMs, signal)
        const nowMs = this.clock.monotonicMs
        // A failed attempt looks like an end, and may be followed by another.
        if (client.order?.stage !== "done") endedAtMs = Number.POSITIVE_INFINITY
        else endedAtMs = Math.min(endedAtMs, nowMs)
        if (nowMs - endedAtMs > lingersMs) return
      }
    } catch (cause) {
      if (!signal.aborted) throw cause
      witness.sawTheEnd = client.state === "live"
    } finally {
      client.stop()
    }
  }
}
