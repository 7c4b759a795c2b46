import type { StopReason } from "../../../src/client/DriverEvents.ts"
import { FleetClient } from "../../../src/client/FleetClient.ts"
import type { FleetEvent } from "../../../src/client/FleetFrames.ts"
import type { FleetDriver, FleetStatusName } from "../../../src/client/FleetRoster.ts"
import type { StreamState } from "../../../src/client/StreamLink.ts"
import type { ConnectionView } from "../design/Connection.tsx"
import { streamUrl } from "../WebConfig.ts"
import type { Session } from "./Session.ts"

/** What the console shows; a new object with every change. */
export interface FleetState {
  readonly connection: ConnectionView
  readonly stop: StopReason | undefined
  /** Whether the fleet was ever received. */
  readonly hasBegun: boolean
  /** Whether any driver was ever seen. */
  readonly hasDrivers: boolean
  /** Rises whenever drivers came, moved or left, at most once a frame of the screen. */
  readonly round: number
  readonly selectedId: string | undefined
  readonly isFollowing: boolean
  readonly hidden: ReadonlySet<FleetStatusName>
}

const beginning: FleetState = {
  connection: { state: "connecting", retryAtMs: undefined },
  stop: undefined,
  hasBegun: false,
  hasDrivers: false,
  round: 0,
  selectedId: undefined,
  isFollowing: false,
  hidden: new Set()
}

/** The console's one store: the live fleet and what the dispatcher has chosen. Survives every reconnect. */
export class FleetStore {
  readonly client: FleetClient
  private current = beginning
  private readonly listeners = new Set<() => void>()
  private readonly movedListeners = new Set<() => void>()
  private readonly eventListeners = new Set<(event: FleetEvent) => void>()
  private frame: number | undefined

  constructor(session: Session) {
    this.client = new FleetClient(
      { url: streamUrl("/v1/fleet"), token: (reason) => session.streamToken(reason) },
      {
        state: (state, stop) => this.connectionChanged(state, stop),
        lost: ({ retryInMs }) =>
          this.set({ connection: { state: "waiting", retryAtMs: performance.now() + retryInMs } }),
        changed: () => this.moved(),
        event: (event) => {
          for (const listener of this.eventListeners) listener(event)
        }
      }
    )
    this.client.start()
    if (!navigator.onLine) this.client.offline()
    addEventListener("offline", this.wentOffline)
    addEventListener("online", this.cameOnline)
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Hears every frame of positions, before the screen's next frame. */
  onMoved(listener: () => void): () => void {
    this.movedListeners.add(listener)
    return () => this.movedListeners.delete(listener)
  }

  /** Hears of everything that happens to orders and their shipments. */
  onEvent(listener: (event: FleetEvent) => void): () => void {
    this.eventListeners.add(listener)
    return () => this.eventListeners.delete(listener)
  }

  readonly state = (): FleetState => this.current

  get selected(): FleetDriver | undefined {
    return this.current.selectedId === undefined ? undefined : this.client.roster.find(this.current.selectedId)
  }

  select(id: string | undefined): void {
    if (id !== this.current.selectedId) this.set({ selectedId: id, isFollowing: false })
  }

  follow(isFollowing: boolean): void {
    this.set({ isFollowing: isFollowing && this.current.selectedId !== undefined })
  }

  /** Shows or hides a status, on the map and in the list. */
  toggle(status: FleetStatusName): void {
    const hidden = new Set(this.current.hidden)
    if (!hidden.delete(status)) hidden.add(status)
    this.set({ hidden })
  }

  /** Drivers whose status is not hidden. */
  shown(): ReadonlyArray<FleetDriver> {
    const { hidden } = this.current
    return [...this.client.roster.drivers()].filter(({ status }) => !hidden.has(status))
  }

  end(): void {
    removeEventListener("offline", this.wentOffline)
    removeEventListener("online", this.cameOnline)
    if (this.frame !== undefined) cancelAnimationFrame(this.frame)
    this.listeners.clear()
    this.movedListeners.clear()
    this.eventListeners.clear()
    this.client.stop()
  }

  private readonly wentOffline = (): void => this.client.offline()
  private readonly cameOnline = (): void => this.client.online()

  private connectionChanged(state: StreamState, stop: StopReason | undefined): void {
    this.set({ connection: { state, retryAtMs: undefined }, stop })
  }

  private moved(): void {
    for (const listener of this.movedListeners) listener()
    // Frames of a snapshot, an introduction and positions come together: one render is enough.
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined
      const hasDrivers = this.current.hasDrivers || this.client.roster.size > 0
      this.set({ hasBegun: true, hasDrivers, round: this.current.round + 1 })
    })
  }

  private set(change: Partial<FleetState>): void {
    this.current = { ...this.current, ...change }
    for (const listener of this.listeners) listener()
  }
}
