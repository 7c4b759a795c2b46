import { Alarm } from "./Alarm.ts"
import type { ClientClock } from "./ClientClock.ts"
import type { CommandResult, DriverListeners, Offer, OfferEnd } from "./DriverEvents.ts"
import { isFields } from "./ServerFrames.ts"
import type { ServerTime } from "./ServerTime.ts"

/** What a refused answer says of the offer; other codes leave it open. */
const endOfCode: Readonly<Record<string, OfferEnd>> = {
  shipment_already_taken: "taken",
  offer_expired: "expired",
  offer_withdrawn: "withdrawn",
  offer_not_found: "withdrawn"
}

/**
 * The offers that a driver can still answer. Losing the connection changes nothing: the server repeats what is open after each welcome, and
 * the app hears of each offer once and of its end once, whoever ended it. An offer whose time is over by the server's clock ends here too,
 * connected or not.
 */
export class OpenOffers {
  private readonly byId = new Map<string, Offer>()
  /** Known from an earlier connection, and not repeated on this one yet. */
  private readonly unconfirmed = new Set<string>()
  private readonly time: ServerTime
  private readonly listeners: DriverListeners
  private readonly alarm: Alarm

  constructor(time: ServerTime, clock: ClientClock, listeners: DriverListeners) {
    this.time = time
    this.listeners = listeners
    this.alarm = new Alarm(clock, () => this.endOver())
  }

  /** The soonest to end first. */
  get list(): ReadonlyArray<Offer> {
    return [...this.byId.values()]
      .filter((offer) => !this.isOver(offer))
      .sort((one, other) => one.expiresAt - other.expiresAt)
  }

  /** An OFFER came, for the first time or repeated. */
  take(offer: Offer): void {
    this.unconfirmed.delete(offer.offerId)
    if (this.isOver(offer)) return
    const isNew = !this.byId.has(offer.offerId)
    this.byId.set(offer.offerId, offer)
    this.arm()
    if (isNew) this.listeners.tell("offer", offer)
  }

  /** An offer is over. One that is not known was never shown, or its end was told before. */
  end(offerId: string, reason: string): void {
    this.unconfirmed.delete(offerId)
    if (!this.byId.delete(offerId)) return
    if (this.byId.size === 0) this.alarm.clear()
    this.listeners.tell("offerGone", { offerId, reason })
  }

  /** This driver's own answer has its RESULT. The server does not tell a phone that was away of an offer that was accepted. */
  answered(offerId: string, isAccepting: boolean, { ok, detail }: CommandResult): void {
    const end = ok ? (isAccepting ? "accepted" : "declined") : endOfCode[String(detail?.code)]
    if (end !== undefined) this.end(offerId, end)
  }

  /** A TASKS came: an offer that is a task now was accepted, on whichever device. */
  tasked(tasks: ReadonlyArray<unknown>): void {
    if (this.byId.size === 0) return
    const taken = new Set(tasks.map((task) => (isFields(task) ? task.assignment_id : undefined)))
    for (const { offerId, assignmentId } of [...this.byId.values()])
      if (taken.has(assignmentId)) this.end(offerId, "accepted")
  }

  /** A new connection was welcomed. True when `confirmed` is to follow: offers are known that it has to repeat. */
  welcomed(): boolean {
    for (const offerId of this.byId.keys()) this.unconfirmed.add(offerId)
    // The server's clock may have turned out to be another.
    this.endOver()
    return this.unconfirmed.size > 0
  }

  /** All that comes with a welcome is here: what was not repeated ended too long ago for the server to say how. */
  confirmed(): void {
    for (const offerId of [...this.unconfirmed]) this.end(offerId, "expired")
  }

  /** The client stops for good; nothing is told any more. */
  stop(): void {
    this.alarm.clear()
    this.byId.clear()
    this.unconfirmed.clear()
  }

  private isOver({ expiresAt }: Offer): boolean {
    return expiresAt <= this.time.nowMs
  }

  private endOver(): void {
    for (const offer of [...this.byId.values()]) if (this.isOver(offer)) this.end(offer.offerId, "expired")
    this.arm()
  }

  private arm(): void {
    for (const { expiresAt } of this.byId.values()) this.alarm.set(this.time.monotonicMs(expiresAt))
  }
}
