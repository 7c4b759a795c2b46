import type { Page, RestClient } from "./RestClient.ts"

/** A sum in minor units of an ISO 4217 currency. */
export interface Sum {
  readonly amount: number
  readonly currency: string
}

export interface Product {
  readonly id: string
  readonly name: string
  readonly price: Sum
  readonly stock: number
}

export interface NewProduct {
  readonly name: string
  readonly price: Sum
  readonly stock: number
}

/** Degrees. */
export interface OrderPlace {
  readonly line1: string
  readonly lat: number
  readonly lng: number
}

export interface NewOrder {
  readonly items: ReadonlyArray<{ readonly product_id: string; readonly quantity: number }>
  readonly delivery_address: OrderPlace & { readonly city: string; readonly country: string }
  readonly pickup: OrderPlace
  readonly channel: "web" | "app" | "wechat"
  /** Takes the stock at once; else the order stays a draft. */
  readonly submit: boolean
}

export interface Order {
  readonly id: string
  readonly status: string
  /** Null until the order is confirmed. */
  readonly shipment_id: string | null
}

export interface Assignment {
  readonly id: string
  readonly driver_id: string | null
  readonly status: string
}

export interface Shipment {
  readonly id: string
  readonly order_id: string
  readonly status: string
  /** The newest one. */
  readonly assignment: Assignment | null
}

export interface TrackingLink {
  readonly id: string
  readonly url: string
  readonly expires_at: string
}

const idIn = (id: string): string => encodeURIComponent(id)

/** Orders and deliveries over REST; whose they are, and what may be done with them, depends on who signed in. */
export class DeliveryRest {
  private readonly rest: RestClient

  constructor(rest: RestClient) {
    this.rest = rest
  }

  products(): Promise<Page<Product>> {
    return this.rest.get("/v1/products", { limit: 200 })
  }

  createProduct(product: NewProduct): Promise<Product> {
    return this.rest.post("/v1/products", product)
  }

  placeOrder(order: NewOrder): Promise<Order> {
    return this.rest.post("/v1/orders", order)
  }

  /** Begins the shipment. */
  confirmOrder(orderId: string): Promise<Order> {
    return this.rest.post(`/v1/orders/${idIn(orderId)}/confirm`)
  }

  /** The newest first. */
  shipments(status: string, limit: number): Promise<Page<Shipment>> {
    return this.rest.get("/v1/shipments", { status, limit })
  }

  shipment(shipmentId: string): Promise<Shipment> {
    return this.rest.get(`/v1/shipments/${idIn(shipmentId)}`)
  }

  /** Status 409 when the shipment is not to be given away, or not to this driver. */
  assign(shipmentId: string, driverId: string): Promise<Assignment> {
    return this.rest.post(`/v1/shipments/${idIn(shipmentId)}/assign`, { driver_id: driverId })
  }

  createTrackingLink(orderId: string): Promise<TrackingLink> {
    return this.rest.post(`/v1/orders/${idIn(orderId)}/tracking-sessions`)
  }
}
