import type { Page } from "../../../src/client/RestClient.ts"
import type { FleetStore } from "../fleet/FleetStore.ts"
import type { Session } from "../fleet/Session.ts"
import type { BoardOrder } from "./BoardOrder.ts"

/** What is known of the board; a new object with every change. */
export interface BoardState {
  readonly kind: "loading" | "failed" | "shown"
  readonly orders: ReadonlyMap<string, BoardOrder>
  /** Whether there are more orders than the board holds. */
  readonly isCut: boolean
  /** Whether the last question was not answered: what is shown may be old. */
  readonly isOld: boolean
  /** When the board was last known to be current, `Date.now()` milliseconds. */
  readonly asOfMs: number | undefined
}

const beginning: BoardState = { kind: "loading", orders: new Map(), isCut: false, isOld: false, asOfMs: undefined }

const pageOrders = 200
/** A board of more than ten thousand open orders is cut, and says so. */
const pagesMax = 50
/** Events come in bursts: one question for all of them. */
const gatherMs = 250
/** The least time between two questions. */
const gapMs = 1_000
/** What no event tells (a draft that changes) is seen so much later. */
const askEveryMs = 10_000
/** A slow transaction commits what it changed so long before. */
const slackMs = 15_000

/**
 * The orders of the board, kept current: all of them once, then what changed since, whenever the fleet's stream tells of an order, comes
 * back, or was silent for a while. One question is under way at a time, whatever number of events there are.
 */
export class BoardStore {
  private readonly session: Session
  private readonly fleet: FleetStore
  private readonly stops: Array<() => void> = []
  private readonly listeners = new Set<() => void>()
  private current = beginning
  private newestChange: number | undefined
  private timer: ReturnType<typeof setTimeout> | undefined
  private askedAtMs = Number.NEGATIVE_INFINITY
  private isAsking = false
  private isWanted = false
  private isEnded = false
  private wasLive = false

  constructor(session: Session, fleet: FleetStore) {
    this.session = session
    this.fleet = fleet
  }

  begin(): void {
    const poll = setInterval(() => {
      if (this.isLive) this.want()
    }, askEveryMs)
    this.stops.push(
      () => clearInterval(poll),
      this.fleet.onEvent(() => this.want(gatherMs)),
      this.fleet.subscribe(this.fleetChanged)
    )
    this.isEnded = false
    this.want()
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  readonly state = (): BoardState => this.current

  /** Asks for what changed, soon; also after a command of one's own. */
  readonly want = (afterMs = 0): void => {
    this.isWanted = true
    if (this.isAsking || this.isEnded) return
    const waitMs = Math.max(afterMs, this.askedAtMs + gapMs - performance.now())
    this.timer ??= setTimeout(() => {
      this.timer = undefined
      void this.ask()
    }, waitMs)
  }

  end(): void {
    this.isEnded = true
    clearTimeout(this.timer)
    for (const stop of this.stops.splice(0)) stop()
  }

  private get isLive(): boolean {
    return this.fleet.state().connection.state === "live"
  }

  private readonly fleetChanged = (): void => {
    if (this.isLive && !this.wasLive) this.want()
    this.wasLive = this.isLive
  }

  private async ask(): Promise<void> {
    this.isAsking = true
    this.isWanted = false
    this.askedAtMs = performance.now()
    try {
      await this.read()
      this.set({ kind: "shown", isOld: false, asOfMs: Date.now() })
    } catch {
      // Said by the board, and tried again: a part of the answer that came is kept.
      this.set({ kind: this.current.kind === "shown" ? "shown" : "failed", isOld: true })
    } finally {
      this.isAsking = false
      if (this.isWanted) this.want()
    }
  }

  private async read(): Promise<void> {
    const isWhole = this.current.kind !== "shown" || this.newestChange === undefined
    const since = this.newestChange === undefined || isWhole ? undefined : this.newestChange - slackMs
    const changed_since = since === undefined ? undefined : new Date(since).toISOString()
    const orders = new Map(isWhole ? [] : this.current.orders)
    let cursor: string | undefined
    // The slack brings again what is known.
    let hasNews = isWhole
    for (let page = 0; page < pagesMax; page++) {
      const query = { limit: pageOrders, cursor, changed_since }
      const { data, next_cursor } = await this.session.rest.get<Page<BoardOrder>>("/v1/board", query)
      if (this.isEnded) return
      for (const order of data) {
        hasNews ||= JSON.stringify(orders.get(order.id)) !== JSON.stringify(order)
        orders.set(order.id, order)
        this.newestChange = Math.max(this.newestChange ?? 0, Date.parse(order.changed_at))
      }
      if (next_cursor === null) break
      cursor = next_cursor
      if (page + 1 === pagesMax) this.set({ isCut: true })
    }
    if (hasNews) this.set({ orders })
  }

  private set(change: Partial<BoardState>): void {
    if (this.isEnded) return
    this.current = { ...this.current, ...change }
    for (const listener of this.listeners) listener()
  }
}
