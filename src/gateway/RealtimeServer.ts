import { Clock, Context, Deferred, Duration, Effect, Layer, Metric, Result, Schedule } from "effect"
import { App, type HttpRequest, type HttpResponse, type us_listen_socket, us_listen_socket_close, us_socket_local_port, type us_socket_context_t } from "uWebSockets.js"
import { DriverRegistry } from "../actors/DriverRegistry.ts"
import { Env } from "../config/Env.ts"
import { Limits } from "../config/Limits.ts"
import { AccessTokens } from "../identity/AccessTokens.ts"
import type { Principal } from "../identity/Principal.ts"
import { Revocations } from "../identity/Revocations.ts"
import { DriverSessionRepo } from "../persistence/DriverSessionRepo.ts"
import { TelemetryWriter } from "../persistence/TelemetryWriter.ts"
import { CloseCode, closeReason } from "../protocol/CloseCode.ts"
import { subprotocol } from "../protocol/FrameType.ts"
import { PointBlock } from "../protocol/PointBlock.ts"
import { PointReader } from "../protocol/PointReader.ts"
import { Connection } from "./Connection.ts"
import { makeAdmission } from "./DriverAdmission.ts"
import { type DriverNode, DriverSocket } from "./DriverSocket.ts"
import { isOriginAllowed } from "./Origins.ts"
import { PeerHeader, peerHeader } from "./PeerHeader.ts"
import { makeSessionLog } from "./SessionLog.ts"

/** The realtime port is taken, or may not be used. */
export class RealtimePortNotFree extends Error {
  readonly _tag = "RealtimePortNotFree"
  constructor(host: string, port: number) {
    super(`cannot listen on ${host}:${port}; set REALTIME_PORT to a free port`)
  }
}

const noContext = Context.empty()
const upgradesRefused = (reason: string) =>
  Metric.counter("dropmate_upgrades_refused_total", { incremental: true, attributes: { reason }, description: "WebSocket upgrades answered with an HTTP error, by reason" })
const closes = (reason: string) =>
  Metric.counter("dropmate_sockets_closed_total", { incremental: true, attributes: { reason }, description: "Sockets that the server closed, by the reason of their close code" })
const framesTotal = (frame: string) =>
  Metric.counter("dropmate_frames_total", { incremental: true, attributes: { frame }, description: "Frames of drivers by kind; points are counted where they are committed" })
const socketsOpen = Metric.gauge("dropmate_sockets", { description: "Open WebSocket connections on this node" })

/** uWebSockets copies the fields of its user data, so the connection itself must be one of them. */
interface SocketData {
  readonly connection: Connection
}

const text = new TextDecoder()

/**
 * The realtime listener: uWebSockets, and the only place that knows it. Judges upgrades, keeps connections alive, and drains
 * them when the layer closes.
 */
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
      const registry = yield* DriverRegistry
      const writer = yield* TelemetryWriter
      const sessions = yield* DriverSessionRepo
      const tokens = yield* AccessTokens
      const revocations = yield* Revocations
      const clock = yield* Clock.Clock
      const run = Effect.runForkWith(yield* Effect.context())
      const peers = new PeerHeader()
      const connections = new Set<Connection>()
      const perAddress = new Map<string, number>()
      let isDraining = false

      const log = yield* makeSessionLog(sessions, registry.sessionIds, limits)
      const block = new PointBlock(limits.batchPointsMax)
      const driverNode: DriverNode = {
        limits,
        registry,
        block,
        reader: new PointReader(block),
        admit: yield* makeAdmission(env.nodeName, limits),
        verify: (token) =>
          Effect.map(Effect.result(tokens.verify(token)), (result) =>
            Result.isSuccess(result) && !revocations.isRevoked(result.success) ? result.success : undefined
          ),
        run: (effect) => void run(effect),
        sessionEnded: log.ended,
        isDraining: () => isDraining,
        count: (frame) => framesTotal(frame).updateUnsafe(1, noContext)
      }

      const allowedOrigins = new Set([...env.allowedOrigins, ...ownOrigins(env)])
      const refuse = (response: HttpResponse, status: string, reason: string, code: string): void => {
        upgradesRefused(reason).updateUnsafe(1, noContext)
        response.cork(() => {
          response
            .writeStatus(status)
            .writeHeader("content-type", "application/problem+json")
            .end(JSON.stringify({ type: "about:blank", title: status.slice(4), status: Number(status.slice(0, 3)), code }))
        })
      }

      const upgrade = (response: HttpResponse, request: HttpRequest, context: us_socket_context_t): void => {
        // Everything is read before the first await: uWebSockets takes the request back when this returns.
        const origin = request.getHeader("origin")
        const host = request.getHeader("host")
        const authorization = request.getHeader("authorization")
        const key = request.getHeader("sec-websocket-key")
        const offered = request.getHeader("sec-websocket-protocol")
        const extensions = request.getHeader("sec-websocket-extensions")
        const address = peers.read(request.getHeader(peerHeader)) ?? text.decode(response.getRemoteAddressAsText())
        if (isDraining) return refuse(response, "503 Service Unavailable", "draining", "draining")
        if (!isOriginAllowed(origin, host, allowedOrigins)) return refuse(response, "403 Forbidden", "origin", "origin_not_allowed")
        if (connections.size >= limits.connectionsMax || (perAddress.get(address) ?? 0) >= limits.addressConnectionsMax) {
          return refuse(response, "429 Too Many Requests", "connections", "too_many_connections")
        }
        const protocol = offered.split(",").map((name) => name.trim()).find((name) => name === subprotocol.json || name === subprotocol.msgpack) ?? ""
        const finish = (principal: Principal | undefined): void => {
          const connection = new Connection({
            address,
            isJson: protocol === subprotocol.json,
            headerPrincipal: principal,
            now: clock.currentTimeMillisUnsafe(),
            limits,
            onClose: (code) => closes(closeReason[code]).updateUnsafe(1, noContext)
          })
          connection.behaviour = new DriverSocket(connection, driverNode)
          response.cork(() => response.upgrade<SocketData>({ connection }, key, protocol, extensions, context))
        }
        if (authorization === "") return finish(undefined)
        let isAborted = false
        response.onAborted(() => {
          isAborted = true
        })
        run(
          Effect.map(Effect.result(bearer(authorization, tokens)), (result) => {
            if (isAborted) return
            if (Result.isFailure(result)) {
              const code = result.failure === "expired" ? "token_expired" : "token_invalid"
              return refuse(response, "401 Unauthorized", code, code)
            }
            if (revocations.isRevoked(result.success)) return refuse(response, "401 Unauthorized", "token_invalid", "token_invalid")
            finish(result.success)
          })
        )
      }

      const app = App()
      app.ws<SocketData>("/v1/driver", {
        compression: 0,
        maxPayloadLength: limits.frameBytesMax,
        maxBackpressure: limits.socketBackpressureBytesMax,
        closeOnBackpressureLimit: false,
        // A last line behind our own keep-alive, which says GOODBYE first.
        idleTimeout: 120,
        sendPingsAutomatically: false,
        upgrade,
        open: (ws) => {
          const { connection } = ws.getUserData()
          connection.attach(ws)
          connections.add(connection)
          perAddress.set(connection.address, (perAddress.get(connection.address) ?? 0) + 1)
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
          connections.delete(connection)
          const left = (perAddress.get(connection.address) ?? 1) - 1
          if (left === 0) perAddress.delete(connection.address)
          else perAddress.set(connection.address, left)
          connection.behaviour?.closed(code)
        }
      })
      app.any("/*", (response) => refuse(response, "404 Not Found", "path", "not_found"))

      const listening = yield* Deferred.make<us_listen_socket, RealtimePortNotFree>()
      app.listen(env.host, env.realtimePort, (socket) => {
        Deferred.doneUnsafe(listening, socket === false ? Effect.fail(new RealtimePortNotFree(env.host, env.realtimePort)) : Effect.succeed(socket))
      })
      const listener = yield* Deferred.await(listening)
      let isListening = true
      const stopListening = (): void => {
        if (isListening) us_listen_socket_close(listener)
        isListening = false
      }

      yield* Effect.acquireRelease(
        Effect.sync(() =>
          revocations.subscribe(({ kind, id }) => {
            for (const connection of connections) {
              const principal = connection.behaviour?.principal ?? connection.headerPrincipal
              if (principal === undefined) continue
              if (id === (kind === "session" ? principal.sessionId : principal.userId)) connection.close(CloseCode.tokenInvalid, 0)
            }
          })
        ),
        (unsubscribe) => Effect.sync(unsubscribe)
      )
      yield* sessions.endLeftOver(env.nodeName).pipe(Effect.ignore)
      yield* sessions.watchReplaced(registry.replaced).pipe(Effect.forkScoped)
      yield* Effect.sync(() => {
        const now = clock.currentTimeMillisUnsafe()
        for (const connection of connections) connection.tick(now)
        socketsOpen.updateUnsafe(connections.size, noContext)
      }).pipe(Effect.repeat(Schedule.spaced("1 second")), Effect.forkScoped)

      const drain = Effect.gen(function* () {
        if (isDraining) return
        isDraining = true
        stopListening()
        yield* Effect.ignore(Effect.timeoutOption(writer.drained, Duration.millis(limits.drainMs / 2)))
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
        yield* Effect.ignore(Effect.timeoutOption(log.flush, "1 second"))
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

const bearer = (authorization: string, tokens: AccessTokens["Service"]): Effect.Effect<Principal, "invalid" | "expired"> => {
  const [scheme, token] = authorization.split(" ")
  if (scheme?.toLowerCase() !== "bearer" || token === undefined) return Effect.fail("invalid")
  return Effect.mapError(tokens.verify(token), (error) => (error._tag === "TokenExpired" ? "expired" : "invalid"))
}

const ownOrigins = (env: Env): ReadonlyArray<string> => [
  ...(env.publicUrl === undefined ? [] : [new URL(env.publicUrl).origin]),
  ...["localhost", "127.0.0.1", env.host].map((host) => `http://${host}:${env.httpPort}`)
]
