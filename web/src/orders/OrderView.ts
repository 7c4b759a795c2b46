import { Problem } from "../../../src/client/Problem.ts"
import type { Page } from "../../../src/client/RestClient.ts"
import type { Money } from "../../../src/domain/Money.ts"
import type { Session } from "../fleet/Session.ts"
import type { TimeWindow } from "./BoardOrder.ts"
import type { OrderAnswer } from "./OrderAnswer.ts"
import type { ApiRoutes } from "./Rights.ts"

/** `GET /v1/shipments/{id}`. */
export interface ShipmentAnswer {
  readonly id: string
  readonly order_id: string
  readonly status: string
  readonly sequence: number
  readonly is_picked_up: boolean
  readonly promised_arrival_at: string | null
  readonly eta: { readonly p50_at: string; readonly p90_at: string } | null
  readonly courier_notes: string | null
  readonly assignment: {
    readonly id: string
    readonly driver_id: string | null
    readonly status: string
    readonly fencing_token: number
  } | null
  readonly ended_at: string | null
}

/** One stop of a shipment. */
export interface StopAnswer {
  readonly id: string
  readonly type: string
  readonly status: string
  readonly lat: number
  readonly lng: number
  readonly address: string | null
  readonly window: TimeWindow | null
  readonly requirements: ReadonlyArray<string>
  readonly arrived_at: string | null
  readonly ended_at: string | null
}

/** One entry of a shipment's log. */
export interface EventAnswer {
  readonly id: string
  readonly type: string
  readonly occurred_at: string
  readonly recorded_at: string
  readonly actor: { readonly kind: string; readonly id: string | null }
  readonly data: Readonly<Record<string, unknown>>
}

/** What was paid. */
export interface PaymentAnswer {
  readonly id: string
  readonly status: string
  readonly amount: Money
}

/** How a delivery was proved. */
export interface ProofAnswer {
  readonly id: string
  readonly type: string
  readonly status: string
  readonly value: string | null
  readonly file_id: string | null
  readonly captured_at: string
}

/** One message of the order's thread. */
export interface MessageAnswer {
  readonly id: string
  readonly author_role: string
  readonly text: string | null
  readonly created_at: string
}

/** An order with all that is known of it. What the server has no route for, or has nothing of, is undefined. */
export interface OrderView {
  readonly order: OrderAnswer
  readonly shipment: ShipmentAnswer | undefined
  readonly stops: ReadonlyArray<StopAnswer>
  readonly events: ReadonlyArray<EventAnswer>
  readonly payment: PaymentAnswer | undefined
  readonly proofs: ReadonlyArray<ProofAnswer>
  readonly messages: ReadonlyArray<MessageAnswer>
  /** Names of the drivers that are spoken of, by id. */
  readonly names: ReadonlyMap<string, string>
}

const eventsMax = 200
const messagesMax = 50

/** What a route answers; undefined where there is no such route, or nothing of the kind. */
const optional = async <A>(routes: ApiRoutes, route: string, ask: () => Promise<A>): Promise<A | undefined> => {
  if (!routes.has(route)) return undefined
  try {
    return await ask()
  } catch (cause) {
    if (cause instanceof Problem && (cause.status === 404 || cause.status === 403)) return undefined
    throw cause
  }
}

const driverNames = new Map<string, string>()

const nameOf = async (session: Session, id: string): Promise<void> => {
  if (driverNames.has(id)) return
  try {
    driverNames.set(id, (await session.rest.get<{ readonly name: string }>(`/v1/drivers/${id}`)).name)
  } catch (cause) {
    // A driver who is gone has no name any more; the rest is told without it.
    if (!(cause instanceof Problem)) throw cause
  }
}

const driversOf = (shipment: ShipmentAnswer | undefined, events: ReadonlyArray<EventAnswer>): ReadonlySet<string> => {
  const ids = events.flatMap(({ actor, data }) => [actor.kind === "driver" ? actor.id : undefined, data.driver_id])
  const told = [...ids, shipment?.assignment?.driver_id].filter((id) => typeof id === "string")
  return new Set(told)
}

const shipmentParts = async (session: Session, id: string | null) => {
  if (id === null) return { shipment: undefined, stops: [], events: [] }
  const { rest } = session
  const [shipment, stops, events] = await Promise.all([
    rest.get<ShipmentAnswer>(`/v1/shipments/${id}`),
    rest.get<Page<StopAnswer>>(`/v1/shipments/${id}/stops`),
    rest.get<Page<EventAnswer>>(`/v1/shipments/${id}/timeline`, { limit: eventsMax })
  ])
  return { shipment, stops: stops.data, events: events.data }
}

const messagesOf = async (session: Session, routes: ApiRoutes, orderId: string) => {
  const query = { context_type: "order", context_id: orderId }
  const threads = await optional(routes, "GET /v1/threads", () =>
    session.rest.get<Page<{ readonly id: string }>>("/v1/threads", query)
  )
  const [thread] = threads?.data ?? []
  if (thread === undefined) return []
  const page = await optional(routes, "GET /v1/threads/{id}/messages", () =>
    session.rest.get<Page<MessageAnswer>>(`/v1/threads/${thread.id}/messages`, { limit: messagesMax })
  )
  return page?.data ?? []
}

/** Asks for everything about an order. @throws Problem | ServerUnreachable | SignedOut */
export const loadOrder = async (session: Session, routes: ApiRoutes, id: string): Promise<OrderView> => {
  const { rest } = session
  const order = await rest.get<OrderAnswer>(`/v1/orders/${id}`)
  const [parts, payment, proofs, messages] = await Promise.all([
    shipmentParts(session, order.shipment_id),
    order.payment_status === null
      ? undefined
      : optional(routes, "GET /v1/orders/{id}/payment", () => rest.get<PaymentAnswer>(`/v1/orders/${id}/payment`)),
    order.shipment_id === null
      ? undefined
      : optional(routes, "GET /v1/shipments/{id}/proofs", () =>
          rest.get<Page<ProofAnswer>>(`/v1/shipments/${order.shipment_id}/proofs`)
        ),
    messagesOf(session, routes, id)
  ])
  await Promise.all([...driversOf(parts.shipment, parts.events)].map((driverId) => nameOf(session, driverId)))
  return { order, ...parts, payment, proofs: proofs?.data ?? [], messages, names: driverNames }
}

const carrying: ReadonlySet<string> = new Set(["accepted", "en_route", "arrived"])

/** Who has the shipment now. */
export const carrierOf = ({
  shipment,
  names
}: OrderView): { readonly id: string; readonly name: string } | undefined => {
  const { driver_id: id, status } = shipment?.assignment ?? { driver_id: null, status: "" }
  return id === null || !carrying.has(status) ? undefined : { id, name: names.get(id) ?? "A driver" }
}
