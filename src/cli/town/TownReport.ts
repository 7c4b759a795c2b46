import type { LoggedEvent, ShipmentEventEntry } from "../../client/DeliveryRest.ts"
import { openOffers } from "../../domain/ShipmentState.ts"
import { proofTypes } from "../../domain/TaskPayload.ts"
import { type OrderFacts, statesAlong } from "./OrderFacts.ts"
import { quantile } from "./Quantile.ts"
import type { TownLedger } from "./TownLedger.ts"
import type { Watching } from "./Watching.ts"

/** How many of each kind. */
export type Counts = Readonly<Record<string, number>>

/** What the people of a simulation did, as its report tells it. Times to deliver are simulated seconds. */
export interface TownReport {
  readonly orders_placed: number
  readonly orders_confirmed: number
  readonly orders_of_guests: number
  readonly orders_by_channel: Counts
  /** Their customers were told so. */
  readonly orders_paid: number
  readonly orders_delivered: number
  readonly orders_cancelled: number
  readonly orders_returned: number
  /** How far they were. */
  readonly cancelled_at: Counts
  /** Neither delivered nor cancelled nor returned when the run ended. */
  readonly orders_under_way: number
  /** Of what, by the status of the shipment, else of the order; those that nobody submitted or confirmed are among them. */
  readonly under_way_at: Counts
  readonly payments_declined: number
  /** Orders all of whose money went back, and those of whose money a part did. */
  readonly refunds: Counts
  readonly money_refunded: number
  /** Minor units that were settled and not refunded. */
  readonly money_kept: number
  readonly cancellations_refused: number
  readonly offers_made: number
  readonly offers_accepted: number
  readonly offers_declined: number
  /** Time passed, or another driver was first. */
  readonly offers_expired: number
  readonly deliveries_failed: number
  /** By drivers themselves. */
  readonly hand_offs: number
  /** From one driver to another, by the desk: before the pickup, and with the parcel. */
  readonly reassignments: Counts
  readonly unassignments: number
  /** Decisions that came too late, and were planned again for another order. */
  readonly scenes_missed: number
  /** A real minute. */
  readonly orders_per_minute: number
  readonly deliveries_per_minute: number
  /** From the order to the door. */
  readonly deliver_p50_s: number | null
  readonly deliver_p90_s: number | null
  readonly deliver_p99_s: number | null
  readonly reports_acknowledged: number
  /** Those that drivers were told are taken, by type. */
  readonly proofs: Counts
  readonly wrong_pins: number
  readonly pictures_stored: number
  /** Files whose bytes were fetched and hashed. */
  readonly files_compared: number
  /** Whom they are from. */
  readonly messages: Counts
  /** Of customers and the desk, by phones. */
  readonly messages_heard: number
  readonly pages_watched: number
  readonly page_reconnects: number
  readonly http_errors: Counts
}

/** What a report is made of. */
export interface TownReportInput {
  readonly orders: ReadonlyArray<OrderFacts>
  readonly log: ReadonlyArray<LoggedEvent>
  readonly ledger: TownLedger
  readonly watching: Watching
  readonly pictures: number
  readonly wrongPins: number
  readonly httpErrors: Counts
  /** Real seconds in which customers ordered. */
  readonly openS: number
  readonly speed: number
}

const round = (value: number): number => Math.round(value * 10) / 10

/** Simulated seconds from the order to its delivery; undefined when it was not delivered. */
const deliveredAfterS = ({ order, timeline }: OrderFacts, speed: number): number | undefined => {
  const delivered = timeline.find(({ type }) => type === "shipment.delivered")
  if (delivered === undefined) return undefined
  return ((Date.parse(delivered.occurred_at) - Date.parse(order.created_at)) / 1_000) * speed
}

/** How many there are of each; kinds that are named are there in any case. */
const countsOf = (kinds: Iterable<string>, named: ReadonlyArray<string> = []): Counts => {
  const counts = new Map(named.map((kind) => [kind, 0]))
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return Object.fromEntries(counts)
}

const cancelStages = ["draft", "submitted", "dispatching", "offered", "assigned", "en_route_to_pickup", "at_pickup"]

/** Where an order was when it was cancelled; undefined when it was not, or came back. */
const cancelledAt = ({ order, shipment, timeline }: OrderFacts, submitted: ReadonlySet<string>): string | undefined => {
  if (order.status !== "cancelled" || shipment?.status === "returned") return undefined
  const before = statesAlong(timeline).at(-2)
  if (before === undefined) return submitted.has(order.id) ? "submitted" : "draft"
  return openOffers(before).length > 0 ? "offered" : before.status
}

const refundOf = ({ payment }: OrderFacts): ReadonlyArray<string> => {
  const refunded = payment?.refunded.amount ?? 0
  if (payment === undefined || refunded === 0) return []
  return [refunded === payment.settled.amount ? "full" : "part"]
}

const wasReplaced = ({ type, data }: ShipmentEventEntry): boolean =>
  type === "shipment.assigned" && data.replaces !== undefined

/** The desk gave the parcel to another: `shipment.handed_off` by staff, and `shipment.assigned` in the same breath. */
const wasTaken = ({ timeline }: OrderFacts): number =>
  timeline.filter(
    ({ type, actor }, at) =>
      type === "shipment.handed_off" && actor.kind !== "driver" && timeline[at + 1]?.type === "shipment.assigned"
  ).length

/** What became of all offers. */
const offersIn = (orders: ReadonlyArray<OrderFacts>) => {
  const counts = { made: 0, accepted: 0, declined: 0, open: 0 }
  for (const { timeline } of orders) {
    const made = timeline.flatMap(({ type, data }) =>
      type === "shipment.offered" && Array.isArray(data.offers) ? data.offers : []
    )
    const ids = new Set(made.map((offer: { readonly assignment_id?: unknown }) => offer.assignment_id))
    counts.made += made.length
    counts.accepted += timeline.filter((e) => e.type === "shipment.assigned" && ids.has(e.data.assignment_id)).length
    counts.declined += timeline.filter(({ type }) => type === "shipment.offer_declined").length
    const last = statesAlong(timeline).at(-1)
    counts.open += last === undefined ? 0 : openOffers(last).length
  }
  return counts
}

/** The figures of a run. */
export const townReport = (input: TownReportInput): TownReport => {
  const { orders, log, ledger, speed, openS } = input
  const count = (isCounted: (facts: OrderFacts) => boolean): number => orders.filter(isCounted).length
  const submitted = new Set(log.flatMap(({ type, order_id }) => (type === "order.submitted" ? [order_id] : [])))
  const entries = orders.flatMap(({ timeline }) => timeline)
  const offers = offersIn(orders)
  const times = orders.flatMap((facts) => deliveredAfterS(facts, speed) ?? []).sort((a, b) => a - b)
  const time = (share: number): number | null => {
    const value = quantile(times, share)
    return value === null ? null : round(value)
  }
  const delivered = count(({ order }) => order.status === "fulfilled")
  const returned = count(({ shipment }) => shipment?.status === "returned")
  const cancelled = count(({ order }) => order.status === "cancelled") - returned
  return {
    orders_placed: orders.length,
    orders_confirmed: count(({ shipment }) => shipment !== undefined),
    orders_of_guests: count(({ order }) => order.customer_id === null),
    orders_by_channel: countsOf(orders.map(({ order }) => order.channel)),
    orders_paid: ledger.paid.size,
    orders_delivered: delivered,
    orders_cancelled: cancelled,
    orders_returned: returned,
    cancelled_at: countsOf(
      orders.flatMap((facts) => cancelledAt(facts, submitted) ?? []),
      cancelStages
    ),
    orders_under_way: orders.length - delivered - cancelled - returned,
    under_way_at: countsOf(
      orders.flatMap(({ order, shipment }) =>
        order.status === "fulfilled" || order.status === "cancelled" ? [] : [shipment?.status ?? order.status]
      )
    ),
    payments_declined: ledger.paymentsDeclined,
    refunds: countsOf(orders.flatMap(refundOf), ["full", "part"]),
    money_refunded: orders.reduce((sum, { payment }) => sum + (payment?.refunded.amount ?? 0), 0),
    money_kept: orders.reduce(
      (sum, { payment }) => sum + (payment ? payment.settled.amount - payment.refunded.amount : 0),
      0
    ),
    cancellations_refused: ledger.cancellationsRefused,
    offers_made: offers.made,
    offers_accepted: offers.accepted,
    offers_declined: offers.declined,
    offers_expired: offers.made - offers.accepted - offers.declined - offers.open,
    deliveries_failed: entries.filter(({ type }) => type === "shipment.failed").length,
    hand_offs: entries.filter(({ type, actor }) => type === "shipment.handed_off" && actor.kind === "driver").length,
    reassignments: {
      before_pickup: entries.filter(wasReplaced).length,
      with_parcel: orders.reduce((sum, facts) => sum + wasTaken(facts), 0)
    },
    unassignments: entries.filter(({ type }) => type === "shipment.unassigned").length,
    scenes_missed: ledger.scenesMissed,
    orders_per_minute: round((orders.length * 60) / openS),
    deliveries_per_minute: round((delivered * 60) / openS),
    deliver_p50_s: time(0.5),
    deliver_p90_s: time(0.9),
    deliver_p99_s: time(0.99),
    reports_acknowledged: ledger.receipts.length,
    proofs: countsOf(
      ledger.receipts.flatMap(({ proofs }) => proofs.map(({ type }) => String(type))),
      proofTypes
    ),
    wrong_pins: input.wrongPins,
    pictures_stored: input.pictures,
    files_compared: orders.reduce((sum, { fileHashes }) => sum + fileHashes.size, 0),
    messages: countsOf(
      orders.flatMap(({ messages }) => messages.map(({ author_role }) => author_role)),
      ["customer", "driver", "staff"]
    ),
    messages_heard: ledger.heard.length,
    pages_watched: input.watching.witnesses.length,
    page_reconnects: input.watching.reconnects,
    http_errors: input.httpErrors
  }
}
