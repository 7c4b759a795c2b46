import { useEffect, useRef } from "react"
import { CloseButton } from "../design/Dialog.tsx"
import type { FleetStore } from "../fleet/FleetStore.ts"
import type { Session } from "../fleet/Session.ts"
import type { BoardOrder } from "./BoardOrder.ts"
import { orderNumber, wordsOfStatus } from "./BoardOrder.ts"
import { OrderCommands } from "./OrderCommands.tsx"
import { OrderFacts, OrderItems, OrderLateness, OrderStops } from "./OrderFacts.tsx"
import { OrderMessages } from "./OrderMessages.tsx"
import { OrderPayment } from "./OrderPayment.tsx"
import { OrderProofs } from "./OrderProofs.tsx"
import { OrderTimeline } from "./OrderTimeline.tsx"
import type { OrderView } from "./OrderView.ts"
import type { Rights } from "./Rights.ts"
import type { ChosenOrder } from "./useOrder.ts"

/** What every part of the panel needs. */
export interface OrderPanelProps {
  readonly store: FleetStore
  readonly session: Session
  readonly rights: Rights | undefined
  readonly chosen: ChosenOrder
  /** For how many orders each driver has. */
  readonly orders: ReadonlyMap<string, BoardOrder>
  readonly nowMs: number
  readonly onChanged: () => void
  readonly onShow: () => void
  readonly onClose: () => void
}

const titleOf = (chosen: ChosenOrder): string =>
  chosen.kind === "shown" ? `Order ${orderNumber(chosen.view.order)}` : "Order"

/** Everything about the chosen order, and what can be done with it. */
export const OrderPanel = (props: OrderPanelProps) => {
  const { chosen, onClose } = props
  const heading = useRef<HTMLHeadingElement>(null)
  // Whoever chose an order by keyboard reads on here.
  useEffect(() => heading.current?.focus({ preventScroll: true }), [])
  return (
    <section className="panel details order-panel" aria-label={titleOf(chosen)}>
      <header className="details-head">
        <h2 ref={heading} tabIndex={-1}>
          {titleOf(chosen)}
        </h2>
        <CloseButton label="Close order" onClick={onClose} />
      </header>
      {chosen.kind === "shown" ? (
        <Shown {...props} view={chosen.view} isOld={chosen.isOld} heading={heading} />
      ) : (
        <Absent kind={chosen.kind} />
      )}
    </section>
  )
}

const Absent = ({ kind }: { readonly kind: "loading" | "missing" | "failed" }) => {
  if (kind === "loading") return <p role="status">Loading the order</p>
  return (
    <p className="notice notice-danger" role="alert">
      {kind === "missing"
        ? "There is no such order. Check the address, or search for its number."
        : "The order could not be loaded. It is tried again when the connection is back."}
    </p>
  )
}

interface ShownProps extends OrderPanelProps {
  readonly view: OrderView
  readonly isOld: boolean
  readonly heading: { readonly current: HTMLHeadingElement | null }
}

const Shown = ({ view, isOld, heading, ...props }: ShownProps) => {
  const { order } = view
  const status =
    order.status === "cancelled" || order.shipment_status === null ? order.status : (view.shipment?.status ?? "")
  return (
    <>
      <p className="order-standing">
        <strong role="status" data-status={status}>
          {view.shipment?.is_picked_up === true && status === "dispatching"
            ? "Collected, without a driver"
            : wordsOfStatus(status)}
        </strong>
        <OrderLateness view={view} nowMs={props.nowMs} />
      </p>
      {isOld ? <p className="notice">Not live: this may have changed meanwhile.</p> : null}
      <OrderCommands {...props} view={view} onDone={() => heading.current?.focus({ preventScroll: true })} />
      <OrderFacts view={view} nowMs={props.nowMs} />
      <OrderStops view={view} nowMs={props.nowMs} />
      <OrderItems order={order} />
      {view.payment === undefined ? null : <OrderPayment {...props} orderId={order.id} view={view.payment} />}
      <OrderProofs session={props.session} view={view} />
      {view.thread === undefined ? null : <OrderMessages {...props} order={order} thread={view.thread} />}
      <OrderTimeline view={view} nowMs={props.nowMs} />
      <p className="order-id muted">{order.id}</p>
    </>
  )
}
