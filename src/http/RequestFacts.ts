import { Context } from "effect"

/** A quota that a request was counted against. */
export interface CountedQuota {
  readonly name: "address" | "principal" | "login_address" | "login_account" | "orders"
  readonly perMinute: number
  readonly remaining: number
  readonly resetS: number
}

/** What is known of the request under way. One mutable object each: the edge makes it, inner layers add what they learn. */
export interface RequestFacts {
  readonly requestId: string
  /** Who is connected to us, or, behind trusted proxies, to the outermost of them. */
  readonly address: string
  readonly method: string
  /** Path without query. */
  readonly path: string
  /** The route's template, for metrics: paths hold ids. */
  route: string | undefined
  quota: CountedQuota | undefined
}

/** The facts of the request under way. */
export const CurrentRequest = Context.Reference<RequestFacts>("dropmate/http/CurrentRequest", {
  defaultValue: () => ({
    requestId: "none",
    address: "none",
    method: "GET",
    path: "/",
    route: undefined,
    quota: undefined
  })
})
