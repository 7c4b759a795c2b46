/** Who a message is from, as everybody is told. */
export type AuthorRole = "customer" | "driver" | "staff" | "system"

/** How `messages.author_kind` calls them. */
export type AuthorKind = "customer" | "driver" | "user" | "system"

/** The role of a kind of author. */
export const authorRole = (kind: AuthorKind): AuthorRole => (kind === "user" ? "staff" : kind)

/** What somebody has to do with an order. */
export interface OrderStanding {
  /** The order is theirs. */
  readonly isCustomer: boolean
  /** They have its parcel to bring now. */
  readonly isCarrier: boolean
  readonly isStaff: boolean
}

/**
 * As whom somebody writes in an order's thread; undefined when they have no part in it. Staff who bring or get the parcel themselves
 * write as what they are there.
 */
export const authorKindOf = (standing: OrderStanding): Exclude<AuthorKind, "system"> | undefined => {
  if (standing.isCarrier) return "driver"
  if (standing.isCustomer) return "customer"
  return standing.isStaff ? "user" : undefined
}
