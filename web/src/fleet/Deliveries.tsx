import { arrivalWords } from "../design/Arrival.ts"
import { wordsOfStatus } from "../orders/BoardOrder.ts"
import { RouteLink } from "./RouteLink.tsx"
import type { DeliveriesView, Delivery } from "./useDeliveries.ts"

const wordsOf = ({ status, eta }: Delivery, serverNowMs: number): string => {
  const words = wordsOfStatus(status)
  if (eta === null || status !== "en_route") return words
  const { p50_at, p90_at } = eta
  const range = { p50At: Date.parse(p50_at), p90At: Date.parse(p90_at), source: "position" } as const
  const arrival = arrivalWords(range, serverNowMs)
  return arrival === undefined ? `${words}, late` : `${words}, ${arrival}`
}

interface DeliveriesProps {
  readonly view: DeliveriesView
  readonly serverNowMs: number
}

/** What a driver has to deliver, and when it is expected, as a fact of the driver's panel. */
export const Deliveries = ({ view, serverNowMs }: DeliveriesProps) => (
  <div>
    <dt>Deliveries</dt>
    <dd>
      {view.kind === "shown" && view.deliveries.length > 0 ? (
        <ul className="deliveries">
          {view.deliveries.map((delivery) => (
            <li key={delivery.id}>
              <RouteLink to={{ page: "orders", orderId: delivery.order_id }}>
                {wordsOf(delivery, serverNowMs)}
              </RouteLink>
            </li>
          ))}
        </ul>
      ) : view.kind === "shown" ? (
        "None"
      ) : view.kind === "loading" ? (
        "Loading"
      ) : (
        "Could not be loaded"
      )}
    </dd>
  </div>
)
