import { Effect } from "effect"
import type { Limits } from "../config/Limits.ts"
import type { Principal } from "../identity/Principal.ts"
import type { Revocation } from "../identity/Revocations.ts"
import { CloseCode } from "../protocol/CloseCode.ts"
import { type Frame, MalformedFrame } from "../protocol/FrameCodec.ts"
import { FleetClientFrame, FleetServerFrame, protocolVersion } from "../protocol/FrameType.ts"
import type { BoundingBox } from "../realtime/FleetBoard.ts"
import type { FleetHub } from "../realtime/FleetHub.ts"
import type { FleetSubscription, FleetViewRequest } from "../realtime/FleetViews.ts"
import { type Connection, isRevocationOf, type SocketBehaviour } from "./Connection.ts"

/** What fleet sockets share on a node. */
export interface FleetNode {
  readonly limits: Limits
  readonly hub: FleetHub["Service"]
  readonly verify: (token: string) => Effect.Effect<Principal | "expired" | "invalid">
  readonly run: (effect: Effect.Effect<void>) => void
}

/** A view that could not be taken, in words. */
class BadView {
  readonly detail: string
  constructor(detail: string) {
    this.detail = detail
  }
}

/** A dispatcher's connection: who they are, what they look at. */
export class FleetSocket implements SocketBehaviour {
  private principal: Principal | undefined
  private readonly connection: Connection
  private readonly node: FleetNode
  private subscription: FleetSubscription | undefined
  private isOpening = false

  constructor(connection: Connection, node: FleetNode) {
    this.connection = connection
    this.node = node
  }

  received(bytes: Uint8Array, now: number): void {
    const { connection } = this
    if (connection.isClosing || !connection.admit(now)) return
    const frame = connection.decode(bytes)
    if (frame instanceof MalformedFrame) return this.malformed()
    switch (frame[0]) {
      case FleetClientFrame.subscribe:
        return this.subscription === undefined ? this.subscribe(frame) : this.malformed()
      case FleetClientFrame.view:
        return this.subscription === undefined ? this.malformed() : this.view(frame, this.subscription)
      case FleetClientFrame.auth:
        return this.auth(frame)
      default:
        return this.malformed()
    }
  }

  private subscribe(frame: Frame): void {
    const [, version, token, view, epoch, offset] = frame
    const { connection, node } = this
    if (typeof version !== "number" || (token !== null && token !== undefined && typeof token !== "string"))
      return this.malformed()
    if (version !== protocolVersion) return connection.close(CloseCode.versionNotSupported, 0)
    if (this.isOpening) return this.malformed()
    const begin = (principal: Principal): void => {
      if (!mayWatch(principal)) return connection.close(CloseCode.notPermitted, 0)
      this.principal = principal
      const request = readView(view, node.limits)
      if (request instanceof BadView) return this.refuse("bad_view", request.detail)
      this.subscription = node.hub.subscribe(connection, request, { epoch, offset })
    }
    // The token is judged before the view: a stranger does not learn what a view may be.
    if (typeof token === "string") return this.identify(token, begin)
    if (connection.headerPrincipal === undefined) return connection.close(CloseCode.tokenInvalid, 0)
    begin(connection.headerPrincipal)
  }

  private view(frame: Frame, subscription: FleetSubscription): void {
    const request = readView(frame[1], this.node.limits)
    if (request instanceof BadView) return this.refuse("bad_view", request.detail)
    subscription.change(request)
  }

  private auth(frame: Frame): void {
    const token = frame[1]
    if (typeof token !== "string" || this.principal === undefined) return this.malformed()
    const { connection, node } = this
    node.run(
      Effect.map(node.verify(token), (principal) => {
        // 4004 has its own deadline: a console that sent an old token may still send a fresh one.
        if (connection.isClosing || principal === "expired") return
        if (principal === "invalid") return connection.close(CloseCode.tokenInvalid, 0)
        if (principal.userId !== this.principal?.userId || !mayWatch(principal)) {
          return connection.close(CloseCode.notPermitted, 0)
        }
        this.principal = principal
      })
    )
  }

  private identify(token: string, then: (principal: Principal) => void): void {
    const { connection, node } = this
    this.isOpening = true
    node.run(
      Effect.map(node.verify(token), (principal) => {
        this.isOpening = false
        if (connection.isClosing) return
        if (principal === "expired") return connection.close(CloseCode.tokenExpired, node.limits.retryAfterMs)
        if (principal === "invalid") return connection.close(CloseCode.tokenInvalid, 0)
        then(principal)
      })
    )
  }

  private malformed(): void {
    if (this.connection.forgiveMalformed()) this.refuse("malformed_frame")
  }

  private refuse(code: string, detail?: string): void {
    this.connection.sendFrame([
      FleetServerFrame.result,
      null,
      false,
      detail === undefined ? { code } : { code, detail }
    ])
  }

  tick(now: number): void {
    const { connection, node, principal } = this
    if (principal === undefined && !this.isOpening && now - connection.openedAt > node.limits.firstFrameMs) {
      return connection.close(CloseCode.notAuthenticatedInTime, 0)
    }
    if (principal !== undefined && now > principal.expiresAtMs + node.limits.tokenGraceMs) {
      connection.close(CloseCode.tokenExpired, node.limits.retryAfterMs)
    }
  }

  isEndedBy(revocation: Revocation): boolean | undefined {
    return this.principal === undefined ? undefined : isRevocationOf(this.principal, revocation)
  }

  closed(): void {
    this.subscription?.end()
    this.subscription = undefined
  }
}

const mayWatch = (principal: Principal): boolean => principal.roles.has("dispatcher") || principal.roles.has("admin")

/** Reads `{bbox[west, south, east, north] or nil, interval_ms or nil}`; nil is everything, once a second. */
const readView = (view: unknown, limits: Limits): FleetViewRequest | BadView => {
  if (view === null || view === undefined) return { box: undefined, intervalMs: limits.fleetIntervalMsDefault }
  if (typeof view !== "object" || Array.isArray(view)) return new BadView("view must be a map")
  const { bbox, interval_ms: interval } = view as { readonly bbox?: unknown; readonly interval_ms?: unknown }
  const box = readBox(bbox)
  if (box instanceof BadView) return box
  if (interval === null || interval === undefined) return { box, intervalMs: limits.fleetIntervalMsDefault }
  if (typeof interval !== "number" || !Number.isFinite(interval)) return new BadView("interval_ms must be a number")
  // Rounded to the tick, so that dispatchers who ask for nearly the same share one view.
  const intervalMs = Math.max(limits.fleetIntervalMsMin, Math.round(interval / limits.fleetTickMs) * limits.fleetTickMs)
  return { box, intervalMs }
}

const readBox = (bbox: unknown): BoundingBox | BadView => {
  if (bbox === null || bbox === undefined) return undefined
  if (
    !Array.isArray(bbox) ||
    bbox.length !== 4 ||
    !bbox.every((edge) => typeof edge === "number" && Number.isFinite(edge))
  ) {
    return new BadView("bbox must be [west, south, east, north] in degrees")
  }
  const [west, south, east, north] = bbox as [number, number, number, number]
  if (Math.abs(west) > 180 || Math.abs(east) > 180 || Math.abs(south) > 90 || Math.abs(north) > 90 || south > north) {
    return new BadView("bbox must lie within -180..180 and -90..90, south below north")
  }
  return [west, south, east, north]
}
