/** A customer of the bench. */
export interface Buyer {
  readonly userId: string
  readonly customerId: string
  /** An access token that the server accepts. */
  readonly token: string
}

/** Who orders what, and where. */
export interface OrderPlan {
  readonly databaseUrl: string
  /** Of the product's HTTP listener; the bare SQL has none. */
  readonly port: number
  readonly buyers: ReadonlyArray<Buyer>
  readonly productIds: ReadonlyArray<string>
  /** Orders that may be on their way at once: sockets of one contestant, waiting calls of the other. */
  readonly atOnce: number
}

/** How long orders are placed. Without `ratePerS` each that is answered is followed by the next one: as fast as it goes. */
export interface OrderSpan {
  readonly warmUpS: number
  readonly seconds: number
  /** Orders are due by the clock, whatever the server does. */
  readonly ratePerS?: number
}

/** What became of them. */
export interface OrderResult {
  /** Placed while the clock ran. */
  readonly placed: number
  readonly measuredMs: number
  /** Placed in all, warm-up and end included. */
  readonly total: number
  /** From the moment an order was due (begun, when none is) to its answer. */
  readonly p50: number
  readonly p99: number
  /** CPU of the process that asks, seconds, while the clock ran. */
  readonly cpuS: number
  /** Answers that are no placed order, counted. */
  readonly surprises: Readonly<Record<string, number>>
}

/** What a process that places orders can be asked. */
export type OrderOperations = {
  readonly open: (plan: OrderPlan) => Promise<void>
  readonly run: (span: OrderSpan) => Promise<OrderResult>
  readonly close: (input: null) => Promise<void>
}
