import type { Sum } from "../../client/DeliveryRest.ts"

/** An order as its customer knows it: what the server answered them. */
export interface PlacedOrder {
  readonly orderId: string
  readonly total: Sum
  /** The crossing that it is fetched from. */
  readonly pickup: number
  isConfirmed: boolean
  isCancelled: boolean
}
