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

/** `GET /v1/orders/{id}/payment`. */
export interface PaymentAnswer {
  readonly id: string
  readonly status: string
  readonly method: string
  readonly amount: Money
  readonly settled: Money
  /** With what is under way. */
  readonly refunded: Money
  readonly failure_code: string | null
}

/** One refund. */
export interface RefundAnswer {
  readonly id: string
  readonly status: string
  readonly amount: Money
  readonly reason: string | null
  readonly created_at: string
}

/** What was asked of the processor once. */
export interface AttemptAnswer {
  readonly number: number
  readonly operation: string
  readonly outcome: string
  readonly amount: Money
  readonly failure_code: string | null
  readonly attempted_at: string
}

/** A payment with all that became of it. */
export interface PaymentView {
  readonly payment: PaymentAnswer
  readonly refunds: ReadonlyArray<RefundAnswer>
  readonly attempts: ReadonlyArray<AttemptAnswer>
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
  readonly text: string
  readonly attachments: ReadonlyArray<string>
  readonly created_at: string
  readonly deleted_at: string | null
}

/** What was written about the order. */
export interface ThreadView {
  /** Undefined while nobody has written. */
  readonly id: string | undefined
  /** How many messages of others this person has not read. */
  readonly unread: number
  /** Until which message others have read, by its time. */
  readonly reads: ReadonlyArray<{ readonly role: string; readonly read_until: string }>
  readonly last_message_at: string | null
  /** The oldest first. */
  readonly messages: ReadonlyArray<MessageAnswer>
}

/** An order with all that is known of it. What the server has no route for, or has nothing of, is undefined. */
export interface OrderView {
  readonly order: OrderAnswer
  readonly shipment: ShipmentAnswer | undefined
  readonly stops: ReadonlyArray<StopAnswer>
  readonly events: ReadonlyArray<EventAnswer>
  readonly payment: PaymentView | undefined
  readonly proofs: ReadonlyArray<ProofAnswer>
  readonly thread: ThreadView | undefined
  /** Names of the drivers that are spoken of, by id. */
  readonly names: ReadonlyMap<string, string>
}

const eventsMax = 200
const pageMax = 200
/** Of a list that goes on so long nobody reads all in a panel. */
const pagesMax = 5

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

/** Every page of a list, up to so many. */
const pages = async <A>({ rest }: Session, path: string): Promise<ReadonlyArray<A>> => {
  const all: Array<A> = []
  let cursor: string | undefined
  for (let page = 0; page < pagesMax; page++) {
    const { data, next_cursor } = await rest.get<Page<A>>(path, { limit: pageMax, cursor })
    all.push(...data)
    if (next_cursor === null) break
    cursor = next_cursor
  }
  return all
}

type Thread = Omit<ThreadView, "messages">

const threadsOf = (session: Session, orderId: string): Promise<Page<Thread>> =>
  session.rest.get<Page<Thread>>("/v1/threads", { context_type: "order", context_id: orderId })

/** Whether somebody wrote or read since. @throws Problem | ServerUnreachable | SignedOut */
export const isThreadOther = async (session: Session, orderId: string, known: ThreadView): Promise<boolean> => {
  const [found = emptyThread] = (await threadsOf(session, orderId)).data
  const stateOf = ({ id, last_message_at, reads }: Thread): string => JSON.stringify([id, last_message_at, reads])
  return stateOf(found) !== stateOf(known)
}

const emptyThread: ThreadView = { id: undefined, unread: 0, reads: [], last_message_at: null, messages: [] }

const threadOf = (session: Session, routes: ApiRoutes, orderId: string): Promise<ThreadView | undefined> =>
  optional(routes, "GET /v1/threads", async () => {
    const [thread] = (await threadsOf(session, orderId)).data
    if (thread === undefined) return emptyThread
    return { ...thread, messages: await pages<MessageAnswer>(session, `/v1/threads/${thread.id}/messages`) }
  })

const paymentOf = (session: Session, routes: ApiRoutes, order: OrderAnswer): Promise<PaymentView | undefined> => {
  const path = `/v1/orders/${order.id}/payment`
  if (order.payment_status === null) return Promise.resolve(undefined)
  return optional(routes, "GET /v1/orders/{id}/payment", async () => {
    const [payment, refunds, attempts] = await Promise.all([
      session.rest.get<PaymentAnswer>(path),
      pages<RefundAnswer>(session, `/v1/orders/${order.id}/refunds`),
      optional(routes, "GET /v1/orders/{id}/payment/attempts", () => pages<AttemptAnswer>(session, `${path}/attempts`))
    ])
    return { payment, refunds, attempts: attempts ?? [] }
  })
}

/** Asks for everything about an order. @throws Problem | ServerUnreachable | SignedOut */
export const loadOrder = async (session: Session, routes: ApiRoutes, id: string): Promise<OrderView> => {
  const { rest } = session
  const order = await rest.get<OrderAnswer>(`/v1/orders/${id}`)
  const [parts, payment, proofs, thread] = await Promise.all([
    shipmentParts(session, order.shipment_id),
    paymentOf(session, routes, order),
    order.shipment_id === null
      ? undefined
      : optional(routes, "GET /v1/shipments/{id}/proofs", () =>
          rest.get<Page<ProofAnswer>>(`/v1/shipments/${order.shipment_id}/proofs`)
        ),
    threadOf(session, routes, id)
  ])
  await Promise.all([...driversOf(parts.shipment, parts.events)].map((driverId) => nameOf(session, driverId)))
  return { order, ...parts, payment, proofs: proofs?.data ?? [], thread, names: driverNames }
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
