import { createHash } from "node:crypto"
import type { LoggedEvent, Order, Shipment, ShipmentEventEntry } from "../../client/DeliveryRest.ts"
import { downloadFile } from "../../client/FileDownload.ts"
import type { ThreadMessage } from "../../client/MessagesRest.ts"
import type { Page } from "../../client/RestClient.ts"
import { pause } from "../fleet/ClientFleet.ts"
import { isMoneyMoving } from "./checks/MoneyKept.ts"
import { orderEnds } from "./checks/OrderEnds.ts"
import type { OrderFacts } from "./OrderFacts.ts"
import type { Staff } from "./Staff.ts"
import type { TownClock } from "./TownClock.ts"

const readAtOnceMax = 12
/** What is read in several requests may change between them; then it is read again. */
const readsMax = 4
/** All orders together are waited for, real milliseconds. */
const moneyMsMax = 60_000
const moneyLookMs = 500

const isTorn = (facts: OrderFacts): boolean =>
  facts.timeline.length !== (facts.shipment?.sequence ?? 0) || orderEnds([facts]).length > 0

/** Every page of a list, until `isEnough`. */
const pagesOf = async <A>(
  read: (cursor: string | undefined) => Promise<Page<A>>,
  isEnough: (page: ReadonlyArray<A>) => boolean = () => false
): Promise<ReadonlyArray<A>> => {
  const all: Array<A> = []
  let cursor: string | undefined
  for (;;) {
    const { data, next_cursor } = await read(cursor)
    all.push(...data)
    if (next_cursor === null || isEnough(data)) return all
    cursor = next_cursor
  }
}

/** Reads over REST what the server says of the orders of a run. The readers take turns, since each has a quota of its own. */
export class FactReader {
  private readonly readers: ReadonlyArray<Staff>
  private readonly first: Staff
  private readonly clock: TownClock
  private turns = 0
  private moneyByMs: number | undefined

  constructor(readers: readonly [Staff, ...ReadonlyArray<Staff>], clock: TownClock) {
    this.clock = clock
    this.readers = readers
    this.first = readers[0]
  }

  /** The place where the log ends now. */
  async endOfLog(): Promise<string> {
    let after: string | undefined
    for (;;) {
      const { next_after, has_more } = await this.reader.orders.events(after)
      if (!has_more) return next_after
      after = next_after
    }
  }

  /** The log after a place of it. */
  async logAfter(place: string): Promise<ReadonlyArray<LoggedEvent>> {
    const events: Array<LoggedEvent> = []
    for (let after = place; ; ) {
      const { data, next_after, has_more } = await this.reader.orders.events(after)
      events.push(...data)
      if (!has_more) return events
      after = next_after
    }
  }

  /**
   * All orders for these products; none of them was placed before `sinceMs` (the server's Unix milliseconds). `threads` are those in which
   * somebody has written, by order.
   */
  async orders(
    productIds: ReadonlySet<string>,
    sinceMs: number,
    threads: ReadonlyMap<string, string>,
    told: (read: number, of: number) => void
  ): Promise<ReadonlyArray<OrderFacts>> {
    const isOld = ({ created_at }: Order): boolean => Date.parse(created_at) < sinceMs
    const listed = await pagesOf(
      (cursor) => this.reader.orders.orders(cursor),
      (page) => page.some(isOld)
    )
    const orders = listed.filter(({ items }) => items.some(({ product_id }) => productIds.has(product_id)))
    const shipments = await this.shipmentsOf(orders)
    const facts = new Array<OrderFacts | undefined>(orders.length)
    let [next, read] = [0, 0]
    const work = async (): Promise<void> => {
      for (let index = next++; index < orders.length; index = next++) {
        const order = orders[index]
        if (order !== undefined)
          facts[index] = await this.factsOf(order, shipments.get(order.id), threads.get(order.id))
        told(++read, orders.length)
      }
    }
    await Promise.all(Array.from({ length: readAtOnceMax }, work))
    return facts.filter((each) => each !== undefined)
  }

  private async shipmentsOf(orders: ReadonlyArray<Order>): Promise<ReadonlyMap<string, Shipment>> {
    const wanted = new Set(orders.flatMap(({ id, shipment_id }) => (shipment_id === null ? [] : [id])))
    let missing = wanted.size
    const listed = await pagesOf(
      (cursor) => this.reader.orders.shipments(undefined, 200, cursor),
      (page) => {
        missing -= page.filter(({ order_id }) => wanted.has(order_id)).length
        return missing <= 0
      }
    )
    return new Map(listed.map((shipment) => [shipment.order_id, shipment]))
  }

  private async factsOf(
    order: Order,
    shipment: Shipment | undefined,
    threadId: string | undefined
  ): Promise<OrderFacts> {
    let facts = await this.around(order, shipment)
    for (let reads = 1; (reads < readsMax && isTorn(facts)) || this.awaitsMoney(facts); reads++) {
      if (!isTorn(facts)) await pause(moneyLookMs, new AbortController().signal)
      const again = await this.reader.orders.order(order.id)
      const now = again.shipment_id === null ? undefined : await this.reader.orders.shipment(again.shipment_id)
      facts = await this.around(again, now)
    }
    const { messages } = this.reader
    return {
      ...facts,
      fileHashes: await this.hashesOf(facts),
      messages:
        threadId === undefined ? [] : await pagesOf<ThreadMessage>((cursor) => messages.messages(threadId, cursor))
    }
  }

  /** Of the bytes as anybody gets them. */
  private async hashesOf({ proofs }: Pick<OrderFacts, "proofs">): Promise<ReadonlyMap<string, string>> {
    const hashes = new Map<string, string>()
    for (const { file_id } of proofs) {
      if (file_id === null) continue
      const bytes = await downloadFile(this.reader.rest, file_id)
      hashes.set(file_id, createHash("sha256").update(bytes).digest("hex"))
    }
    return hashes
  }

  private async around(order: Order, shipment: Shipment | undefined): Promise<OrderFacts> {
    const { orders, payments } = this.reader
    const [timeline, stops, payment] = await Promise.all([
      shipment === undefined ? [] : pagesOf<ShipmentEventEntry>((cursor) => orders.timeline(shipment.id, cursor)),
      shipment === undefined ? [] : orders.stops(shipment.id),
      payments.payment(order.id)
    ])
    const isProved = timeline.some(({ type }) => type === "shipment.delivered")
    const proofs = shipment === undefined || !isProved ? [] : await orders.proofs(shipment.id)
    const isRefunded = payment !== undefined && payment.refunded.amount > 0
    const refunds = isRefunded ? await payments.refunds(order.id) : []
    return { order, shipment, timeline, stops, payment, refunds, proofs, fileHashes: new Map(), messages: [] }
  }

  /** Captures, voids and refunds follow an order's end by themselves, a little later. */
  private awaitsMoney(facts: OrderFacts): boolean {
    if (!isMoneyMoving(facts)) return false
    this.moneyByMs ??= this.clock.monotonicMs + moneyMsMax
    return this.clock.monotonicMs < this.moneyByMs
  }

  /** Whose turn it is. */
  private get reader(): Staff {
    return this.readers[this.turns++ % this.readers.length] ?? this.first
  }
}
