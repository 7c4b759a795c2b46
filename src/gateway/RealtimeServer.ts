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
import { Sockets } from "./Sockets.ts"
import { TrackingEndpoint } from "./TrackingEndpoint.ts"
import { makeUpgradeGate, refuseUpgrade } from "./UpgradeGate.ts"

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
      const sockets = new Sockets()
      const now = () => clock.currentTimeMillisUnsafe()
      let isDraining = false

      const gate = yield* makeUpgradeGate(peers, {
        isDraining: () => isDraining,
        sockets: () => sockets.open.size,
        ofAddress: (address) => sockets.ofAddress(address)
      })
      const app = App()
      for (const endpoint of [driver.endpoint, fleet, tracking]) sockets.mount(app, endpoint, gate(endpoint), now)
      app.any("/*", (response) => refuseUpgrade(response, "404 Not Found", "not_found"))

      const listening = yield* Deferred.make<us_listen_socket, RealtimePortNotFree>()
      app.listen(env.host, env.realtimePort, (socket) => {
        Deferred.doneUnsafe(
          listening,
          socket === false ? Effect.fail(new RealtimePortNotFree(env.host, env.realtimePort)) : Effect.succeed(socket)
        )
      })
      const listener = yield* Deferred.await(listening)

      yield* closeRevoked(sockets.open)
      yield* Effect.sync(() => {
        const at = now()
        for (const connection of sockets.open) connection.tick(at)
        socketsOpen.updateUnsafe(sockets.open.size, noContext)
      }).pipe(Effect.repeat(Schedule.spaced(Duration.millis(limits.socketTickMs))), Effect.forkScoped)

      const drain = Effect.gen(function* () {
        if (isDraining) return
        isDraining = true
        us_listen_socket_close(listener)
        yield* Effect.timeoutOption(driver.finish, Duration.millis(limits.drainMs / 2))
        // Spread over the window, so that the next node is not met by everybody at once.
        let i = 0
        for (const connection of sockets.open) {
          connection.close(CloseCode.draining, Math.round((limits.drainRetryAfterMsMax * (i++ % 100)) / 100))
        }
        yield* Effect.suspend(() => (sockets.open.size === 0 ? Effect.void : Effect.fail("open" as const))).pipe(
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

      return { port: us_socket_local_port(listener), peers, drain, sockets: () => sockets.open.size }
    })
  )
}

/** Log-out, a revoked session or a disabled user ends its sockets at once. */
const closeRevoked = (connections: ReadonlySet<Connection>) =>
  Effect.gen(function* () {
    const revocations = yield* Revocations
    const unsubscribe = revocations.subscribe((revocation) => {
      for (const connection of connections) {
        if (connection.isEndedBy(revocation)) connection.close(CloseCode.tokenInvalid, 0)
      }
    })
    yield* Effect.addFinalizer(() => Effect.sync(unsubscribe))
  })
