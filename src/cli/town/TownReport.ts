import { openOffers } from "../../domain/ShipmentState.ts"
import type { TaskAction } from "../../domain/TaskAction.ts"
import { type OrderFacts, statesAlong } from "./OrderFacts.ts"
import { quantile } from "./Quantile.ts"
import type { TownLedger } from "./TownLedger.ts"
import type { Watching } from "./Watching.ts"

/** What the people of a simulation did, as its report tells it. Times to deliver are simulated seconds. */
export interface TownReport {
  readonly orders_placed: number
  readonly orders_confirmed: number
  /** Their customers were told so. */
  readonly orders_paid: number
  readonly orders_delivered: number
  readonly orders_cancelled: number
  readonly orders_returned: number
  /** Neither delivered nor cancelled nor returned when the run ended. */
  readonly orders_under_way: number
  readonly payments_declined: number
  readonly orders_refunded: number
  /** Minor units that were settled and not refunded. */
  readonly money_kept: number
  readonly cancellations_refused: number
  readonly offers_made: number
  readonly offers_accepted: number
  readonly offers_declined: number
  /** Time passed, or another driver was first. */
  readonly offers_expired: number
  readonly deliveries_failed: number
  readonly hand_offs: number
  readonly reassignments: number
  /** A real minute. */
  readonly orders_per_minute: number
  readonly deliveries_per_minute: number
  /** From the order to the door. */
  readonly deliver_p50_s: number | null
  readonly deliver_p90_s: number | null
  readonly deliver_p99_s: number | null
  readonly reports_acknowledged: number
  readonly photos_stored: number
  readonly pages_watched: number
  readonly page_reconnects: number
  readonly http_errors: Readonly<Record<string, number>>
}

/** What a report is made of. */
export interface TownReportInput {
  readonly orders: ReadonlyArray<OrderFacts>
  readonly ledger: TownLedger
  readonly watching: Watching
  readonly photos: number
  readonly httpErrors: Readonly<Record<string, number>>
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
  const { orders, ledger, speed, openS } = input
  const count = (isCounted: (facts: OrderFacts) => boolean): number => orders.filter(isCounted).length
  const events = (type: string, isCounted: (data: Readonly<Record<string, unknown>>) => boolean = () => true): number =>
    orders.reduce((sum, { timeline }) => sum + timeline.filter((e) => e.type === type && isCounted(e.data)).length, 0)
  const offers = offersIn(orders)
  const reported = (action: TaskAction): number => events(`shipment.${action}`)
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
    orders_paid: ledger.paid.size,
    orders_delivered: delivered,
    orders_cancelled: cancelled,
    orders_returned: returned,
    orders_under_way: orders.length - delivered - cancelled - returned,
    payments_declined: ledger.paymentsDeclined,
    orders_refunded: count(({ payment }) => (payment?.refunded.amount ?? 0) > 0),
    money_kept: orders.reduce(
      (sum, { payment }) => sum + (payment ? payment.settled.amount - payment.refunded.amount : 0),
      0
    ),
    cancellations_refused: ledger.cancellationsRefused,
    offers_made: offers.made,
    offers_accepted: offers.accepted,
    offers_declined: offers.declined,
    offers_expired: offers.made - offers.accepted - offers.declined - offers.open,
    deliveries_failed: reported("failed"),
    hand_offs: reported("handed_off"),
    reassignments: events("shipment.assigned", (data) => data.replaces !== undefined),
    orders_per_minute: round((orders.length * 60) / openS),
    deliveries_per_minute: round((delivered * 60) / openS),
    deliver_p50_s: time(0.5),
    deliver_p90_s: time(0.9),
    deliver_p99_s: time(0.99),
    reports_acknowledged: ledger.receipts.length,
    photos_stored: input.photos,
    pages_watched: input.watching.witnesses.length,
    page_reconnects: input.watching.reconnects,
    http_errors: input.httpErrors
  }
}
