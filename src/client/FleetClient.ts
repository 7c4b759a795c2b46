import type { Frame } from "../protocol/FrameCodec.ts"
import { FleetClientFrame, FleetServerFrame, protocolVersion } from "../protocol/FrameType.ts"
import type { StopReason } from "./DriverEvents.ts"
import {
  type FleetEvent,
  readFleetDrivers,
  readFleetEvent,
  readFleetPositions,
  readFleetSnapshot,
  readHandles
} from "./FleetFrames.ts"
import { FleetRoster } from "./FleetRoster.ts"
import { numberOr, textOr } from "./ServerFrames.ts"
import { type Loss, StreamLink, type StreamOptions, type StreamState } from "./StreamLink.ts"

/** What a dispatcher looks at. */
export interface FleetArea {
  /** `[west, south, east, north]` in degrees; null is everything. */
  readonly bbox: readonly [number, number, number, number] | null
  /** How often positions come; the server's default (1,000) when left out. Milliseconds. */
  readonly intervalMs?: number
}

/** What a console listens to. */
export interface FleetListener {
  /** The connection's state changed. */
  readonly state?: (state: StreamState, stop: StopReason | undefined) => void
  readonly lost?: (loss: Loss) => void
  /** Drivers came, moved or left; `whole` when the roster holds everything that is in the view. Called once per frame. */
  readonly changed?: (whole: boolean) => void
  /** Something happened to an order or its shipment. At least once: a listener that throws gets it again. */
  readonly event?: (event: FleetEvent) => void
  /** A view or frame that the server did not take. */
  readonly refused?: (code: string, detail: string) => void
  readonly tokenFailed?: (cause: unknown) => void
}

/** Options of a fleet client. */
export interface FleetClientOptions extends StreamOptions {
  readonly view?: FleetArea
}

const defaultIntervalMs = 1_000
/** A view whose interval differs by one server tick is another view, and so is answered. */
const probeIntervalMs = 50

/**
 * The live fleet as dispatchers watch it (02-protocol, section 4). Holds every driver in view in `roster`; comes back by itself and
 * resumes the events from the last one that was handled.
 */
export class FleetClient {
  readonly roster = new FleetRoster()
  private readonly listener: FleetListener
  private readonly link: StreamLink
  private area: FleetArea
  private epoch: string | null = null
  private offset: number | null = null
  /** After RESUMED the next POSITIONS hold the whole view: a handle that is not in them is gone. */
  private isWholeAwaited = false
  private isProbing = false

  /** @throws RangeError when the URL is not a `ws:` or `wss:` URL. */
  constructor(options: FleetClientOptions, listener: FleetListener) {
    this.listener = listener
    this.area = options.view ?? { bbox: null }
    this.link = new StreamLink(options, {
      subscribe: (token) => this.subscribeFrame(token),
      take: (frame) => this.take(frame),
      authFrame: (token) => [FleetClientFrame.auth, token],
      probe: () => this.probe(),
      changed: (state) => this.listener.state?.(state, this.link.stopped),
      lost: (loss) => this.listener.lost?.(loss),
      tokenFailed: (cause) => this.listener.tokenFailed?.(cause)
    })
  }

  get state(): StreamState {
    return this.link.state
  }

  get stopped(): StopReason | undefined {
    return this.link.stopped
  }

  get view(): FleetArea {
    return this.area
  }

  /** The server's clock, Unix milliseconds. */
  serverNowMs(): number {
    return this.link.serverNowMs()
  }

  start(): void {
    this.link.start()
  }

  offline(): void {
    this.link.offline()
  }

  /** The network is back, or somebody does not want to wait. */
  online(): void {
    this.link.online()
  }

  stop(): void {
    this.link.stop()
  }

  /** Looks elsewhere; while there is no connection, the next one begins there. */
  look(area: FleetArea): void {
    this.area = area
    this.link.send([FleetClientFrame.view, viewOf(area, 0)])
  }

  private subscribeFrame(token: string): Frame {
    return [FleetClientFrame.subscribe, protocolVersion, token, viewOf(this.area, 0), this.epoch, this.offset]
  }

  private probe(): Frame {
    this.isProbing = !this.isProbing
    return [FleetClientFrame.view, viewOf(this.area, this.isProbing ? probeIntervalMs : 0)]
  }

  private take(frame: Frame): "begun" | "taken" | "broken" {
    switch (frame[0]) {
      case FleetServerFrame.snapshot:
        return this.snapshot(frame)
      case FleetServerFrame.resumed:
        return this.resumed(frame)
      case FleetServerFrame.positions:
        return this.positions(frame)
      case FleetServerFrame.drivers:
        return this.introduced(frame)
      case FleetServerFrame.gone:
        return this.gone(frame)
      case FleetServerFrame.event:
        return this.event(frame)
      case FleetServerFrame.result:
        this.refused(frame)
        return "taken"
      default:
        // A newer server's business.
        return "taken"
    }
  }

  private snapshot(frame: Frame): "begun" | "broken" {
    const snapshot = readFleetSnapshot(frame)
    if (snapshot === undefined) return "broken"
    this.link.setServerTime(snapshot.at)
    this.roster.replace(snapshot.drivers, snapshot.epoch !== this.epoch)
    this.isWholeAwaited = false
    this.listener.changed?.(true)
    this.epoch = snapshot.epoch
    this.offset = snapshot.offset
    return "begun"
  }

  private resumed(frame: Frame): "begun" | "broken" {
    const [, epoch, offset] = frame
    if (epoch !== this.epoch || typeof offset !== "number") return "broken"
    this.isWholeAwaited = true
    return "begun"
  }

  private positions(frame: Frame): "taken" | "broken" {
    const positions = readFleetPositions(frame)
    if (positions === undefined) return "broken"
    this.link.setServerTime(positions.at)
    if (this.isWholeAwaited) this.roster.keepOnly(new Set(positions.moves.map(({ handle }) => handle)))
    for (const move of positions.moves) if (!this.roster.move(move)) return "broken"
    const whole = this.isWholeAwaited
    this.isWholeAwaited = false
    this.listener.changed?.(whole)
    return "taken"
  }

  private introduced(frame: Frame): "taken" | "broken" {
    const drivers = readFleetDrivers(frame)
    if (drivers === undefined) return "broken"
    for (const driver of drivers) this.roster.introduce(driver)
    return "taken"
  }

  private gone(frame: Frame): "taken" | "broken" {
    const handles = readHandles(frame[1])
    if (handles === undefined) return "broken"
    for (const handle of handles) this.roster.remove(handle)
    if (handles.length > 0) this.listener.changed?.(false)
    return "taken"
  }

  private event(frame: Frame): "taken" | "broken" {
    const event = readFleetEvent(frame)
    if (event === undefined) return "broken"
    this.listener.event?.(event)
    this.offset = event.offset
    return "taken"
  }

  private refused(frame: Frame): void {
    const detail = (frame[3] ?? {}) as { readonly code?: unknown; readonly detail?: unknown }
    this.listener.refused?.(textOr(detail.code, "unknown"), textOr(detail.detail, ""))
  }
}

const viewOf = ({ bbox, intervalMs }: FleetArea, moreMs: number): Readonly<Record<string, unknown>> => ({
  bbox,
  interval_ms: numberOr(intervalMs, defaultIntervalMs) + moreMs
})
