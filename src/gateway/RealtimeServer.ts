import { App, type us_listen_socket, us_listen_socket_close, us_socket_local_port } from "uWebSockets.js"
import { Clock, Context, Deferred, Duration, Effect, Layer, Metric, Schedule } from "effect"
import { Env } from "../config/Env.ts"
import { Limits } from "../config/Limits.ts"
import { Revocations } from "../identity/Revocations.ts"
import { CloseCode } from "../protocol/CloseCode.ts"
import type { Connection } from "./Connection.ts"
import { DriverEndpoint } from "./DriverEndpoint.ts"
import { FleetEndpoint } from "./FleetEndpoint.ts"
import { PeerHeader } from "./PeerHeader.ts"
import { TrackingEndpoint } from "./TrackingEndpoint.ts"
import { makeUpgradeGate, refuseUpgrade, type SocketData } from "./UpgradeGate.ts"

/** The realtime port is taken, or may not be used. */
export class RealtimePortNotFree extends Error {
  readonly _tag = "RealtimePortNotFree"
  constructor(host: string, port: number) {
    super(`cannot listen on ${host}:${port}; set REALTIME_PORT to a free port`)
  }
}

const noContext = Context.empty()
const socketsOpen = Metric.gauge("dropmate_sockets", { description: "Open WebSocket connections on this node" })

/** The realtime listener: uWebSockets with our endpoints on it. Keeps connections alive, and drains them when the layer closes. */
export class RealtimeServer extends Context.Service<
  RealtimeServer,
  {
    readonly port: number
    readonly peers: PeerHeader
    /** Stops taking points, waits for what is buffered to be committed and acknowledged, and says goodbye to everybody. */
    readonly drain: Effect.Effect<void>
    readonly sockets: () => number
  }
>()("dropmate/gateway/RealtimeServer") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const env = yield* Env
      const limits = yield* Limits
      const clock = yield* Clock.Clock
      const driver = yield* DriverEndpoint
      const fleet = yield* FleetEndpoint
      const tracking = yield* TrackingEndpoint
      const peers = new PeerHeader()
      const connections = new Set<Connection>()
      const perAddress = new Map<string, number>()
      let isDraining = false

      const gate = yield* makeUpgradeGate(peers, {
        isDraining: () => isDraining,
        sockets: () => connections.size,
        ofAddress: (address) => perAddress.get(address) ?? 0
      })
      const enter = (connection: Connection): void => {
        connections.add(connection)
        perAddress.set(connection.address, (perAddress.get(connection.address) ?? 0) + 1)
      }
      const leave = (connection: Connection): void => {
        connections.delete(connection)
        const left = (perAddress.get(connection.address) ?? 1) - 1
        if (left === 0) perAddress.delete(connection.address)
        else perAddress.set(connection.address, left)
      }

      const app = App()
      for (const endpoint of [driver.endpoint, fleet, tracking]) {
        app.ws<SocketData>(endpoint.path, {
          compression: 0,
          maxPayloadLength: endpoint.payloadBytesMax,
          maxBackpressure: endpoint.backpressureBytesMax,
          closeOnBackpressureLimit: false,
          // A last line behind our own keep-alive, which says GOODBYE first.
          idleTimeout: 120,
          sendPingsAutomatically: false,
          upgrade: gate(endpoint),
          open: (ws) => {
            const { connection } = ws.getUserData()
            connection.attach(ws)
            enter(connection)
          },
          message: (ws, message) => {
            ws.getUserData().connection.behaviour?.received(new Uint8Array(message), clock.currentTimeMillisUnsafe())
          },
          pong: (ws) => {
            ws.getUserData().connection.heardAt = clock.currentTimeMillisUnsafe()
          },
          ping: (ws) => {
            ws.getUserData().connection.heardAt = clock.currentTimeMillisUnsafe()
          },
          close: (ws, code) => {
            const { connection } = ws.getUserData()
            connection.detach()
            leave(connection)
            connection.behaviour?.closed(code)
          }
        })
      }
      app.any("/*", (response) => refuseUpgrade(response, "404 Not Found", "not_found"))

      const listening = yield* Deferred.make<us_listen_socket, RealtimePortNotFree>()
      app.listen(env.host, env.realtimePort, (socket) => {
        Deferred.doneUnsafe(
          listening,
          socket === false ? Effect.fail(new RealtimePortNotFree(env.host, env.realtimePort)) : Effect.succeed(socket)
        )
      })
      const listener = yield* Deferred.await(listening)

      yield* closeRevoked(connections)
      yield* Effect.sync(() => {
        const now = clock.currentTimeMillisUnsafe()
        for (const connection of connections) connection.tick(now)
        socketsOpen.updateUnsafe(connections.size, noContext)
      }).pipe(Effect.repeat(Schedule.spaced(Duration.millis(limits.socketTickMs))), Effect.forkScoped)

      const drain = Effect.gen(function* () {
        if (isDraining) return
        isDraining = true
        us_listen_socket_close(listener)
        yield* Effect.timeoutOption(driver.finish, Duration.millis(limits.drainMs / 2))
        // Spread over the window, so that the next node is not met by everybody at once.
        let i = 0
        for (const connection of connections) {
          connection.close(CloseCode.draining, Math.round((limits.drainRetryAfterMsMax * (i++ % 100)) / 100))
        }
        yield* Effect.suspend(() => (connections.size === 0 ? Effect.void : Effect.fail("open" as const))).pipe(
          Effect.retry(Schedule.spaced("10 millis")),
          Effect.timeoutOption(Duration.millis(limits.drainMs / 4)),
          Effect.ignore
        )
        yield* Effect.timeoutOption(driver.flushSessions, "1 second")
      })
      yield* Effect.addFinalizer(() =>
        Effect.andThen(
          drain,
          Effect.sync(() => {
            app.close()
          })
        )
      )

      return { port: us_socket_local_port(listener), peers, drain, sockets: () => connections.size }
    })
  )
}

/** Log-out, a revoked session or a disabled user ends its sockets at once. */
const closeRevoked = (connections: ReadonlySet<Connection>) =>
  Effect.gen(function* () {
    const revocations = yield* Revocations
    const unsubscribe = revocations.subscribe(({ kind, id }) => {
      for (const connection of connections) {
        const principal = connection.behaviour?.principal ?? connection.headerPrincipal
        if (principal === undefined) continue
        if (id === (kind === "session" ? principal.sessionId : principal.userId))
          connection.close(CloseCode.tokenInvalid, 0)
      }
    })
    yield* Effect.addFinalizer(() => Effect.sync(unsubscribe))
  })
