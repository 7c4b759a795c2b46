import { Effect, Layer } from "effect"
import { defaultLimits, Limits } from "../../src/config/Limits.ts"
import { Connection } from "../../src/gateway/Connection.ts"
import type { TrackedOrder } from "../../src/persistence/tracking/TrackingRepo.ts"
import { FleetHub } from "../../src/realtime/FleetHub.ts"
import { OrderChannel } from "../../src/realtime/OrderChannel.ts"
import { TrackSubscriber } from "../../src/realtime/TrackSubscriber.ts"
import { answer } from "../process/Answering.ts"
import type { FanoutServerOperations, Watch } from "./FanoutOperations.ts"
import { boxOf, placeOf } from "./Place.ts"
import { listenForSockets } from "./SocketServer.ts"
import { readSource } from "./SourceFrame.ts"

interface SocketData {
  readonly connection: Connection
}

/** A shipment under way, far from its destination; nobody asks the database here. */
const orderOf = (subject: number): TrackedOrder => ({
  orderId: uuidOf(subject),
  orderStatus: "confirmed",
  epoch: 1,
  offset: 0,
  shipmentId: uuidOf(subject),
  shipmentStatus: "en_route",
  assignmentStatus: "en_route",
  driver: { driverId: uuidOf(subject), firstName: "Driver" },
  destination: { lat: -10, lng: 0 },
  stopsAhead: [],
  timeline: []
})

const uuidOf = (subject: number): string => `01900000-0000-7000-8000-${String(subject).padStart(12, "0")}`

/** Milliseconds; no link of the bench ends. */
const neverMs = Number.MAX_SAFE_INTEGER

/**
 * The product's own connection, order channels, subscribers and fleet hub, without what stands before them: no database, no
 * tokens, no driver sockets, no OrderHub (whose part for a move is one look-up). Frames are those of the product.
 */
const listenWith = (hub: FleetHub["Service"], limits: Limits): Promise<number> => {
  const channels = new Map<number, OrderChannel>()
  let moves = Date.now()
  const watch = (connection: Connection, request: Watch, now: number): void => {
    if (request._tag === "View") {
      const box = boxOf(request.first, request.count, request.edge)
      hub.subscribe(connection, { box, intervalMs: request.intervalMs }, { epoch: null, offset: null })
      return
    }
    const channel = channels.get(request.subject) ?? new OrderChannel(orderOf(request.subject), limits, now)
    channels.set(request.subject, channel)
    channel.join(new TrackSubscriber(connection, "bench", neverMs, 0), { epoch: null, offset: null }, now)
  }
  const move = (subject: number, stamp: number, now: number): void => {
    const channel = channels.get(subject)
    // Every move is a newer one, also within a millisecond.
    if (channel !== undefined) return channel.move(placeOf(subject, stamp, ++moves), now)
    const { latE7, lngE7, headingCdeg } = placeOf(subject, stamp, now)
    hub.board.move(hub.board.handleOf(uuidOf(subject), "Driver"), latE7, lngE7, headingCdeg, now, now)
  }
  setInterval(() => {
    const now = Date.now()
    for (const channel of channels.values()) channel.catchUp(now)
  }, limits.trackTickMs)
  return listenForSockets<SocketData>({
    made: () => ({
      connection: new Connection({
        node: { limits, closing: () => {} },
        address: "127.0.0.1",
        isJson: false,
        headerPrincipal: undefined,
        headerToken: undefined,
        now: Date.now()
      })
    }),
    opened: (socket) => socket.getUserData().connection.attach(socket),
    message: (socket, message) => {
      const request = readSource(message)
      const now = Date.now()
      if (request._tag !== "Move") return watch(socket.getUserData().connection, request, now)
      for (let i = 0; i < request.count; i++) move(request.first + i, request.stamp, now)
    }
  }).then(({ port }) => port)
}

// An orderly end writes the profile that was asked for.
process.once("SIGTERM", () => process.exit(0))

answer({
  listen: ({ tickMs }) => {
    const limits = { ...defaultLimits, fleetTickMs: tickMs }
    return new Promise((resolve) => {
      Effect.runFork(
        Effect.gen(function* () {
          const hub = yield* FleetHub
          resolve(yield* Effect.promise(() => listenWith(hub, limits)))
          return yield* Effect.never
        }).pipe(Effect.provide(FleetHub.layer.pipe(Layer.provide(Layer.succeed(Limits, limits)))))
      )
    })
  }
} satisfies FanoutServerOperations)
