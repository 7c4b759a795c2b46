import type { DeliveryProof, Order, Shipment, ShipmentEventEntry, ShipmentStop } from "../../client/DeliveryRest.ts"
import type { ThreadMessage } from "../../client/MessagesRest.ts"
import type { Payment, Refund } from "../../client/PaymentsRest.ts"
import type { ShipmentEvent } from "../../domain/ShipmentEvent.ts"
import { evolveShipment, type ShipmentState } from "../../domain/ShipmentState.ts"

/** All that the server says of an order once its work is over. */
export interface OrderFacts {
  readonly order: Order
  /** Undefined until the order is confirmed. */
  readonly shipment: Shipment | undefined
  /** By sequence. */
  readonly timeline: ReadonlyArray<ShipmentEventEntry>
  readonly stops: ReadonlyArray<ShipmentStop>
  /** Undefined when nobody tried to pay. */
  readonly payment: Payment | undefined
  readonly refunds: ReadonlyArray<Refund>
  readonly proofs: ReadonlyArray<DeliveryProof>
  /** SHA-256 of the bytes that the server gives out for each proof that is a file, by the file's id. */
  readonly fileHashes: ReadonlyMap<string, string>
  /** The thread, as it is told. */
  readonly messages: ReadonlyArray<ThreadMessage>
}

/** The state after each event of a timeline, as the domain folds it; undefined where the timeline does not begin as one. */
export const statesAlong = (timeline: ReadonlyArray<ShipmentEventEntry>): ReadonlyArray<ShipmentState | undefined> => {
  let state: ShipmentState | undefined
  return timeline.map(({ type, data }) => {
    // The API's ids stand where the log has bare ones: they are only ever compared with each other.
    state = evolveShipment(state, { type, data } as ShipmentEvent)
    return state
  })
}
