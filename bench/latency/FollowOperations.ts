/** A phone, and the customers who follow it by its order's links. */
export interface Followed {
  readonly driver: { readonly token: string; readonly deviceId: string }
  readonly trackingTokens: ReadonlyArray<string>
}

/** Sockets to open: phones with their customers, customers without a phone, dispatchers. */
export interface FollowPlan {
  readonly port: number
  readonly followed: ReadonlyArray<Followed>
  readonly trackingTokens: ReadonlyArray<string>
  readonly dispatcherTokens: ReadonlyArray<string>
}

export interface FollowSample {
  /** Points that phones sent, and that were acknowledged. */
  readonly sent: number
  readonly acked: number
  /** Positions that customers got. */
  readonly delivered: number
  /** Since `measure`: from when a point was due at the phone until a customer's socket read it. */
  readonly latencyMs: { readonly p50: number | undefined; readonly p99: number | undefined; readonly count: number }
  readonly surprises: Readonly<Record<string, number>>
}

/** What the process of phones and those who follow them can be asked. */
export type FollowOperations = {
  readonly open: (plan: FollowPlan) => Promise<void>
  /** Each phone reports `hz` times a second, evenly spread. */
  readonly begin: (pace: { readonly hz: number }) => void
  readonly measure: (input: null) => void
  readonly drain: (input: { readonly timeoutMs: number }) => Promise<FollowSample>
  readonly close: (input: null) => void
}
