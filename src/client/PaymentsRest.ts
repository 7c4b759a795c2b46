import type { Sum } from "./DeliveryRest.ts"
import { Problem } from "./Problem.ts"
import type { Page, RestClient } from "./RestClient.ts"

/** What an order costs, and how far that is paid. */
export interface Payment {
  readonly id: string
  readonly order_id: string
  readonly status: string
  readonly amount: Sum
  readonly settled: Sum
  readonly refunded: Sum
}

export interface Refund {
  readonly id: string
  readonly status: string
  readonly amount: Sum
}

/** The money of orders over REST. */
export class PaymentsRest {
  private readonly rest: RestClient

  constructor(rest: RestClient) {
    this.rest = rest
  }

  /** With one of the sandbox's test tokens. Declined is an answer with the status `failed`. */
  payBySandbox(orderId: string, token: string): Promise<Payment> {
    return this.rest.post(`/v1/orders/${encodeURIComponent(orderId)}/payment`, { method: "sandbox", token })
  }

  /** Undefined when nobody tried to pay. */
  async payment(orderId: string): Promise<Payment | undefined> {
    try {
      return await this.rest.get<Payment>(`/v1/orders/${encodeURIComponent(orderId)}/payment`)
    } catch (cause) {
      if (cause instanceof Problem && cause.status === 404) return undefined
      throw cause
    }
  }

  /** Takes what was authorized. */
  capture(orderId: string): Promise<Payment> {
    return this.rest.post(`/v1/orders/${encodeURIComponent(orderId)}/payment/capture`)
  }

  /** Gives back a part of what was taken, or all that is left of it. */
  refund(orderId: string, amount: Sum | undefined, reason: string): Promise<Refund> {
    const body = { ...(amount === undefined ? {} : { amount }), reason }
    return this.rest.post(`/v1/orders/${encodeURIComponent(orderId)}/refunds`, body)
  }

  async refunds(orderId: string): Promise<ReadonlyArray<Refund>> {
    return (await this.rest.get<Page<Refund>>(`/v1/orders/${encodeURIComponent(orderId)}/refunds`, { limit: 200 })).data
  }
}
