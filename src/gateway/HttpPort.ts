import { createServer, type Server } from "node:http"
import { Clock, Context, Duration, Effect, Layer, Option, Schedule, Scope } from "effect"
import { Env } from "../config/Env.ts"
import { Limits } from "../config/Limits.ts"
import type { RequestHandler } from "../http/RequestHandler.ts"
import { EventBell } from "../realtime/EventBell.ts"
import { OrderHub } from "../realtime/OrderHub.ts"
import { RealtimeServer } from "./RealtimeServer.ts"
import { pipeUpgrades, refuseUpgrades } from "./UpgradePipe.ts"

/** The HTTP port is taken, or may not be used. */
export class HttpPortNotFree extends Error {
  readonly _tag = "HttpPortNotFree"
  constructor(host: string, port: number, reason: string) {
    super(`cannot listen on ${host}:${port} (${reason}); set HTTP_PORT to a free port`)
  }
}

/**
 * The one port that the outside needs: requests are answered here, WebSocket upgrades are piped to the realtime listener. Works
 * with what the node's roles have built: without a RealtimeServer upgrades are refused, without an OrderHub nothing streams.
 */
export class HttpPort extends Context.Service<HttpPort, { readonly port: number }>()("dropmate/gateway/HttpPort") {
  static readonly layer = <E, R>(makeHandler: Effect.Effect<RequestHandler, E, R>) =>
    Layer.effect(
      this,
      Effect.gen(function* () {
        const env = yield* Env
        const limits = yield* Limits
        const realtime = Option.getOrUndefined(yield* Effect.serviceOption(RealtimeServer))
        const orders = Option.getOrUndefined(yield* Effect.serviceOption(OrderHub))
        const events = Option.getOrUndefined(yield* Effect.serviceOption(EventBell))
        // Requests under way end with a scope of their own: in this layer's they would be interrupted before they are waited for.
        const requests = yield* Scope.make()
        yield* Effect.addFinalizer((exit) => Scope.close(requests, exit))
        const handler = yield* Scope.provide(makeHandler, requests)
        let inFlight = 0
        const server = createServer(
          {
            maxHeaderSize: limits.headerBytesMax,
            headersTimeout: limits.headersTimeoutMs,
            requestTimeout: limits.requestTimeoutMs,
            connectionsCheckingInterval: 1_000,
            noDelay: true
          },
          (request, response) => {
            inFlight++
            response.once("close", () => inFlight--)
            handler(request, response)
          }
        )
        server.maxConnections = limits.httpConnectionsMax
        const pipes =
          realtime === undefined
            ? refuseUpgrades(server)
            : pipeUpgrades(server, realtime.peers, { host: env.host, port: realtime.port })
        const port = yield* listen(server, env.host, env.httpPort)
        yield* Effect.addFinalizer(() =>
          Effect.gen(function* () {
            const beganMs = yield* Clock.currentTimeMillis
            server.close()
            server.closeIdleConnections()
            // Before this port is gone: the GOODBYE of every piped socket leaves through it.
            if (realtime !== undefined) yield* realtime.drain
            // What is left are event streams, which would never end by themselves, and requests that wait for an event.
            orders?.drain()
            events?.drain()
            const isQuiet = (): boolean => inFlight === 0 && pipes.size === 0
            // A slow database makes a request last: what the sockets left of the time is its own. Cut off after its commit it would
            // have an effect that nobody was told of.
            const leftMs = beganMs + limits.drainMs - (yield* Clock.currentTimeMillis)
            yield* Effect.suspend(() => (isQuiet() ? Effect.void : Effect.fail("busy" as const))).pipe(
              Effect.retry(Schedule.spaced("10 millis")),
              Effect.timeoutOption(Duration.millis(Math.max(limits.httpDrainMs, leftMs))),
              Effect.ignore
            )
          })
        )
        return { port }
      })
    )
}

const listen = (server: Server, host: string, port: number): Effect.Effect<number, HttpPortNotFree> =>
  Effect.callback((resume) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      resume(Effect.fail(new HttpPortNotFree(host, port, error.code ?? error.message)))
    })
    server.listen(port, host, () => {
      const address = server.address()
      resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : port))
    })
  })
