import type { HttpRequest, HttpResponse, us_socket_context_t } from "uWebSockets.js"
import { Clock, Context, Effect, Metric, Result } from "effect"
import { Env } from "../config/Env.ts"
import { Limits } from "../config/Limits.ts"
import { AccessTokens } from "../identity/AccessTokens.ts"
import type { Principal } from "../identity/Principal.ts"
import { Revocations } from "../identity/Revocations.ts"
import { closeReason } from "../protocol/CloseCode.ts"
import { subprotocol } from "../protocol/FrameType.ts"
import { Connection, type ConnectionNode } from "./Connection.ts"
import { type CountedAddress, countedAddress } from "./CountedAddress.ts"
import type { Endpoint } from "./Endpoint.ts"
import { isOriginAllowed } from "./Origins.ts"
import { type PeerHeader, peerHeader } from "./PeerHeader.ts"

/** uWebSockets copies the fields of its user data, so the connection itself must be one of them. */
export interface SocketData {
  readonly connection: Connection
}

/** What the gate must know of the listener. */
export interface Occupancy {
  readonly isDraining: () => boolean
  readonly sockets: () => number
  readonly ofAddress: (address: CountedAddress) => number
}

/** uWebSockets' upgrade handler. */
export type Upgrade = (response: HttpResponse, request: HttpRequest, context: us_socket_context_t) => void

const noContext = Context.empty()
const upgradesRefused = (reason: string) =>
  Metric.counter("dropmate_upgrades_refused_total", {
    incremental: true,
    attributes: { reason },
    description: "WebSocket upgrades answered with an HTTP error, by reason"
  })
const closes = (reason: string) =>
  Metric.counter("dropmate_sockets_closed_total", {
    incremental: true,
    attributes: { reason },
    description: "Sockets that the server closed, by the reason of their close code"
  })

const text = new TextDecoder()

/** Refuses an upgrade as a problem document. `reason` is the metric's label and the problem's code. */
export const refuseUpgrade = (response: HttpResponse, status: string, reason: string): void => {
  upgradesRefused(reason).updateUnsafe(1, noContext)
  response.cork(() => {
    response
      .writeStatus(status)
      .writeHeader("content-type", "application/problem+json")
      .end(
        JSON.stringify({
          type: "about:blank",
          title: status.slice(4),
          status: Number(status.slice(0, 3)),
          code: reason
        })
      )
  })
}

/**
 * Judges upgrades before any frame: the page's origin, caps, and the token of the Authorization header if there is one. A
 * token in the URL is never looked at.
 */
export const makeUpgradeGate = (peers: PeerHeader, occupancy: Occupancy) =>
  Effect.gen(function* () {
    const env = yield* Env
    const limits = yield* Limits
    const tokens = yield* AccessTokens
    const revocations = yield* Revocations
    const clock = yield* Clock.Clock
    const run = Effect.runForkWith(yield* Effect.context())
    const allowedOrigins = new Set([...env.allowedOrigins, ...ownOrigins(env)])

    const node: ConnectionNode = {
      limits,
      closing: (code) => closes(closeReason[code]).updateUnsafe(1, noContext)
    }

    const refusal = (
      origin: string,
      host: string,
      address: CountedAddress
    ): readonly [status: string, code: string] | undefined => {
      if (occupancy.isDraining()) return ["503 Service Unavailable", "draining"]
      if (!isOriginAllowed(origin, host, allowedOrigins)) return ["403 Forbidden", "origin_not_allowed"]
      if (
        occupancy.sockets() >= limits.connectionsMax ||
        occupancy.ofAddress(address) >= limits.addressConnectionsMax
      ) {
        return ["429 Too Many Requests", "too_many_connections"]
      }
      return undefined
    }

    const judgeAccessToken = (token: string): Effect.Effect<Principal | string> =>
      Effect.map(Effect.result(tokens.verify(token)), (result) => {
        if (Result.isSuccess(result) && !revocations.isRevoked(result.success)) return result.success
        return Result.isFailure(result) && result.failure._tag === "TokenExpired" ? "token_expired" : "token_invalid"
      })

    return (endpoint: Endpoint): Upgrade =>
      (response, request, context) => {
        // Everything is read before the first await: uWebSockets takes the request back when this returns.
        const origin = request.getHeader("origin")
        const host = request.getHeader("host")
        const authorization = request.getHeader("authorization")
        const key = request.getHeader("sec-websocket-key")
        const offered = request.getHeader("sec-websocket-protocol")
        const extensions = request.getHeader("sec-websocket-extensions")
        const address = addressOf(request, response, peers)
        const refused = refusal(origin, host, address)
        if (refused !== undefined) return refuseUpgrade(response, ...refused)
        const protocol = chooseProtocol(offered)
        const finish = (principal: Principal | undefined, headerToken: string | undefined): void => {
          const connection = new Connection({
            node,
            address,
            isJson: protocol === subprotocol.json,
            headerPrincipal: principal,
            headerToken,
            now: clock.currentTimeMillisUnsafe()
          })
          connection.behaviour = endpoint.open(connection)
          response.cork(() => response.upgrade<SocketData>({ connection }, key, protocol, extensions, context))
        }
        if (authorization === "") return finish(undefined, undefined)
        const token = bearerToken(authorization)
        if (token === undefined) return refuseUpgrade(response, "401 Unauthorized", "token_invalid")
        let isAborted = false
        response.onAborted(() => {
          isAborted = true
        })
        run(
          Effect.map(endpoint.judgeToken?.(token) ?? judgeAccessToken(token), (judged) => {
            if (isAborted) return
            if (typeof judged === "string") return refuseUpgrade(response, "401 Unauthorized", judged)
            // Only a token that names no principal is asked for again.
            finish(judged, judged === undefined ? token : undefined)
          })
        )
      }
  })

/** Whom the HTTP port pipes, or who connected here. */
const addressOf = (request: HttpRequest, response: HttpResponse, peers: PeerHeader): CountedAddress =>
  countedAddress(peers.read(request.getHeader(peerHeader)) ?? text.decode(response.getRemoteAddressAsText()))

const chooseProtocol = (offered: string): string =>
  offered
    .split(",")
    .map((name) => name.trim())
    .find((name) => name === subprotocol.json || name === subprotocol.msgpack) ?? ""

const bearerToken = (authorization: string): string | undefined => {
  const [scheme, token] = authorization.split(" ")
  return scheme?.toLowerCase() === "bearer" && token !== "" ? token : undefined
}

const ownOrigins = (env: Env): ReadonlyArray<string> => [
  ...(env.publicUrl === undefined ? [] : [new URL(env.publicUrl).origin]),
  ...["localhost", "127.0.0.1", env.host].map((host) => `http://${host}:${env.httpPort}`)
]
