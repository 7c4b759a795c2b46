import { arrivalWords } from "../design/Arrival.ts"
import { RouteLink } from "../fleet/RouteLink.tsx"
import type { TimeWindow } from "./BoardOrder.ts"
import { latenessOf, momentWords } from "./Lateness.ts"
import { LatenessSign } from "./LatenessSign.tsx"
import { moneyWords } from "./MoneyWords.ts"
import type { OrderAnswer } from "./OrderAnswer.ts"
import { carrierOf, type OrderView, type StopAnswer } from "./OrderView.ts"

interface OrderFactsProps {
  readonly view: OrderView
  readonly nowMs: number
}

const windowWords = ({ start, end }: TimeWindow, nowMs: number): string =>
  `${momentWords(Date.parse(start), nowMs)} to ${momentWords(Date.parse(end), nowMs)}`

/** What was promised, who carries it, and for whom it is. */
export const OrderFacts = ({ view, nowMs }: OrderFactsProps) => {
  const { order, shipment } = view
  const carrier = carrierOf(view)
  const promised = order.window === null ? undefined : windowWords(order.window, nowMs)
  const eta = shipment?.status === "en_route" ? shipment.eta : null
  const expected =
    eta === null || eta === undefined
      ? undefined
      : arrivalWords({ p50At: Date.parse(eta.p50_at), p90At: Date.parse(eta.p90_at), source: "position" }, nowMs)
  return (
    <dl className="facts">
      <div>
        <dt>Driver</dt>
        <dd>
          {carrier === undefined ? (
            "None"
          ) : (
            <RouteLink to={{ page: "fleet", driverId: carrier.id }}>{carrier.name}</RouteLink>
          )}
        </dd>
      </div>
      {promised === undefined ? null : (
        <div>
          <dt>Promised</dt>
          <dd>{promised}</dd>
        </div>
      )}
      {expected === undefined ? null : (
        <div>
          <dt>Expected</dt>
          <dd>{expected}</dd>
        </div>
      )}
      <ContactFacts order={order} />
      <div>
        <dt>Ordered</dt>
        <dd>
          {momentWords(Date.parse(order.created_at), nowMs)}, {order.channel}
        </dd>
      </div>
      {order.notes === null ? null : (
        <div>
          <dt>Notes</dt>
          <dd>{order.notes}</dd>
        </div>
      )}
    </dl>
  )
}

const ContactFacts = ({ order: { contact } }: { readonly order: OrderAnswer }) =>
  contact === null ? null : (
    <div>
      <dt>Contact</dt>
      <dd className="contact">
        <span>{contact.name}</span>
        {contact.phone === null ? null : <a href={`tel:${contact.phone.replaceAll(/[^+\d]/g, "")}`}>{contact.phone}</a>}
        {contact.email === null ? null : <a href={`mailto:${contact.email}`}>{contact.email}</a>}
      </dd>
    </div>
  )

/** How it keeps to its promise, beside its number. */
export const OrderLateness = ({ view, nowMs }: OrderFactsProps) => {
  const { order, shipment } = view
  const lateness = latenessOf(
    {
      window: order.window,
      promised_arrival_at: shipment?.promised_arrival_at ?? null,
      eta: shipment?.eta ?? null,
      ended_at: shipment?.ended_at ?? (order.status === "cancelled" ? order.updated_at : null),
      shipment_status: order.shipment_status
    },
    nowMs
  )
  return <LatenessSign lateness={lateness} />
}

/** What was ordered. */
export const OrderItems = ({ order }: { readonly order: OrderAnswer }) => (
  <section aria-labelledby="order-items">
    <h3 id="order-items" className="section-title">
      Items
    </h3>
    <ul className="order-items">
      {order.items.map((item) => (
        <li key={item.product_id}>
          <span>
            {item.quantity} × {item.name}
          </span>
          <span className="muted">
            {moneyWords({ amount: item.unit_price.amount * item.quantity, currency: item.unit_price.currency })}
          </span>
        </li>
      ))}
      <li className="order-total">
        <span>Total</span>
        <span>{moneyWords(order.total)}</span>
      </li>
    </ul>
  </section>
)

const stopNames: Readonly<Record<string, string>> = { pickup: "Pickup", dropoff: "Drop-off", break: "Break" }

const stopStatusWords: Readonly<Record<string, string>> = {
  planned: "Planned",
  en_route: "On the way there",
  arrived: "Arrived",
  completed: "Done",
  failed: "Failed",
  skipped: "Skipped"
}

interface ShownStop {
  readonly id: string
  readonly type: string
  readonly status: string | undefined
  readonly address: string
  readonly details: ReadonlyArray<string>
}

const placeWords = (lat: number, lng: number): string => `${lat.toFixed(5)}, ${lng.toFixed(5)}`

const addressOf = ({ delivery_address: a }: OrderAnswer): string =>
  [a.line1, a.line2, [a.postal_code, a.city].filter(Boolean).join(" "), a.country].filter(Boolean).join(", ")

const stopOf = (order: OrderAnswer, stop: StopAnswer, nowMs: number): ShownStop => {
  const ended = stop.ended_at ?? stop.arrived_at
  const requirements = stop.requirements.map((each) => (each === "pin" ? "PIN" : each.replaceAll("_", " ")))
  return {
    id: stop.id,
    type: stop.type,
    status: `${stopStatusWords[stop.status] ?? stop.status}${ended === null ? "" : ` ${momentWords(Date.parse(ended), nowMs)}`}`,
    address: stop.type === "dropoff" ? addressOf(order) : (stop.address ?? placeWords(stop.lat, stop.lng)),
    details: [
      ...(requirements.length === 0 ? [] : [`Requires ${requirements.join(", ")}`]),
      ...(stop.type === "dropoff" && order.delivery_address.instructions !== null
        ? [order.delivery_address.instructions]
        : [])
    ]
  }
}

/** The stops of an order that has no shipment yet. */
const plannedStops = (order: OrderAnswer): ReadonlyArray<ShownStop> => {
  const { pickup, delivery_address } = order
  const dropoff = { id: "dropoff", type: "dropoff", status: undefined, address: addressOf(order) }
  const details = delivery_address.instructions === null ? [] : [delivery_address.instructions]
  if (pickup === null) return [{ ...dropoff, details }]
  const address = pickup.line1 ?? placeWords(pickup.lat, pickup.lng)
  return [
    { id: "pickup", type: "pickup", status: undefined, address, details: [] },
    { ...dropoff, details }
  ]
}

/** Where it is fetched and brought. */
export const OrderStops = ({ view, nowMs }: OrderFactsProps) => {
  const { order, stops } = view
  const shown = stops.length === 0 ? plannedStops(order) : stops.map((stop) => stopOf(order, stop, nowMs))
  return (
    <section aria-labelledby="order-stops">
      <h3 id="order-stops" className="section-title">
        Stops
      </h3>
      <ol className="stops">
        {shown.map((stop) => (
          <li key={stop.id} className={`stop stop-${stop.type}`}>
            <div className="stop-head">
              <strong>{stopNames[stop.type] ?? stop.type}</strong>
              <span className="muted">{stop.status}</span>
            </div>
            <p>{stop.address}</p>
            {stop.details.map((detail) => (
              <p key={detail} className="muted">
                {detail}
              </p>
            ))}
          </li>
        ))}
      </ol>
    </section>
  )
}
