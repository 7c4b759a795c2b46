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
  /** Of a guest, whom staff order for. */
  readonly contact?: { readonly name: string }
  /** Proofs that the driver must give. */
  readonly delivery_requirements?: ReadonlyArray<string>
  /** What is printed on the parcel, for a proof by barcode. */
  readonly parcel_barcode?: string
  /** Takes the stock at once; else the order stays a draft. */
  readonly submit: boolean
}

export interface Order {
  readonly id: string
  readonly status: string
  readonly total: Sum
  readonly items: ReadonlyArray<{ readonly product_id: string; readonly quantity: number }>
  /** Null until the order is confirmed. */
  readonly shipment_id: string | null
  readonly channel: string
  readonly customer_id: string | null
  readonly created_at: string
}

export interface Assignment {
  readonly id: string
  readonly driver_id: string | null
  readonly status: string
  readonly fencing_token: number
}

export interface Shipment {
  readonly id: string
  readonly order_id: string
  readonly status: string
  /** How many events it has. */
  readonly sequence: number
  readonly is_picked_up: boolean
  /** The newest that its driver had. */
  readonly assignment: Assignment | null
  readonly updated_at: string
}

/** One transition of a shipment. */
export interface ShipmentEventEntry {
  readonly id: string
  readonly sequence: number
  readonly type: string
  readonly occurred_at: string
  readonly recorded_at: string
  readonly actor: { readonly kind: string; readonly id: string | null }
  readonly data: Readonly<Record<string, unknown>>
}

/** An event of the public log. */
export interface LoggedEvent {
  readonly id: string
  readonly type: string
  /** Within the order. */
  readonly sequence: number
  readonly order_id: string
  /** Null for what is the order's own. */
  readonly shipment_sequence: number | null
}

export interface ShipmentStop {
  readonly id: string
  readonly type: string
  readonly position: number
  readonly status: string
}

/** How a delivery was proved. */
export interface DeliveryProof {
  readonly type: string
  readonly status: string
  /** Null for a file, and for a PIN, which is kept nowhere. */
  readonly value: string | null
  readonly sha256: string | null
  readonly file_id: string | null
}

export interface TrackingLink {
  readonly id: string
  readonly token: string
  readonly url: string
  readonly websocket_url: string
  readonly expires_at: string
}

/** The longest page of a list. */
const pageMax = 200
const eventsMax = 1_000

const idIn = (id: string): string => encodeURIComponent(id)

/** Orders and deliveries over REST; whose they are, and what may be done with them, depends on who signed in. */
export class DeliveryRest {
  private readonly rest: RestClient

  constructor(rest: RestClient) {
    this.rest = rest
  }

  products(): Promise<Page<Product>> {
    return this.rest.get("/v1/products", { limit: pageMax })
  }

  product(productId: string): Promise<Product> {
    return this.rest.get(`/v1/products/${idIn(productId)}`)
  }

  createProduct(product: NewProduct): Promise<Product> {
    return this.rest.post("/v1/products", product)
  }

  placeOrder(order: NewOrder): Promise<Order> {
    return this.rest.post("/v1/orders", order)
  }

  order(orderId: string): Promise<Order> {
    return this.rest.get(`/v1/orders/${idIn(orderId)}`)
  }

  /** The newest first. */
  orders(cursor?: string): Promise<Page<Order>> {
    return this.rest.get("/v1/orders", { limit: pageMax, cursor })
  }

  /** Takes the stock of a draft. */
  submitOrder(orderId: string): Promise<Order> {
    return this.rest.post(`/v1/orders/${idIn(orderId)}/submit`)
  }

  /** Status 409 when it is too late for whoever asks. */
  cancelOrder(orderId: string): Promise<Order> {
    return this.rest.post(`/v1/orders/${idIn(orderId)}/cancel`)
  }

  /** Begins the shipment. */
  confirmOrder(orderId: string): Promise<Order> {
    return this.rest.post(`/v1/orders/${idIn(orderId)}/confirm`)
  }

  /** The newest first. */
  shipments(status: string | undefined, limit: number, cursor?: string): Promise<Page<Shipment>> {
    return this.rest.get("/v1/shipments", { status, limit, cursor })
  }

  shipment(shipmentId: string): Promise<Shipment> {
    return this.rest.get(`/v1/shipments/${idIn(shipmentId)}`)
  }

  /** Status 409 when the shipment is not to be given away, or not to this driver. */
  assign(shipmentId: string, driverId: string): Promise<Assignment> {
    return this.rest.post(`/v1/shipments/${idIn(shipmentId)}/assign`, { driver_id: driverId })
  }

  /** Asks these drivers, or the nearest who have time; the first who accepts has it. */
  offer(shipmentId: string, driverIds?: ReadonlyArray<string>, ttlS?: number): Promise<unknown> {
    return this.rest.post(`/v1/shipments/${idIn(shipmentId)}/offer`, { driver_ids: driverIds, ttl_s: ttlS })
  }

  /** After a failed attempt: it waits for a driver again. */
  retry(shipmentId: string): Promise<Shipment> {
    return this.rest.post(`/v1/shipments/${idIn(shipmentId)}/retry`)
  }

  /** After a failed attempt: the driver brings it back. */
  startReturn(shipmentId: string): Promise<Shipment> {
    return this.rest.post(`/v1/shipments/${idIn(shipmentId)}/return`)
  }

  /** Takes it from the driver who has it; after the pickup only with a reason. */
  reassign(shipmentId: string, driverId: string, reason?: string): Promise<Assignment> {
    const body = { driver_id: driverId, ...(reason === undefined ? {} : { reason }) }
    return this.rest.post(`/v1/shipments/${idIn(shipmentId)}/reassign`, body)
  }

  /** Takes it from the driver who has it, and lets it wait for another; after the pickup only with a reason. */
  unassign(shipmentId: string, reason?: string): Promise<Shipment> {
    return this.rest.post(`/v1/shipments/${idIn(shipmentId)}/unassign`, reason === undefined ? {} : { reason })
  }

  /** Cancels it and its order; status 409 once it is picked up. */
  cancelShipment(shipmentId: string, reason: string): Promise<Shipment> {
    return this.rest.post(`/v1/shipments/${idIn(shipmentId)}/cancel`, { reason })
  }

  /** The oldest first. */
  timeline(shipmentId: string, cursor?: string): Promise<Page<ShipmentEventEntry>> {
    return this.rest.get(`/v1/shipments/${idIn(shipmentId)}/timeline`, { limit: pageMax, cursor })
  }

  async stops(shipmentId: string): Promise<ReadonlyArray<ShipmentStop>> {
    return (await this.rest.get<Page<ShipmentStop>>(`/v1/shipments/${idIn(shipmentId)}/stops`)).data
  }

  async proofs(shipmentId: string): Promise<ReadonlyArray<DeliveryProof>> {
    return (await this.rest.get<Page<DeliveryProof>>(`/v1/shipments/${idIn(shipmentId)}/proofs`)).data
  }

  /** The public log after a place of it, or from the oldest event that is kept. */
  events(
    after: string | undefined
  ): Promise<{ readonly data: ReadonlyArray<LoggedEvent>; readonly next_after: string; readonly has_more: boolean }> {
    return this.rest.get("/v1/events", { after, limit: eventsMax })
  }

  createTrackingLink(orderId: string): Promise<TrackingLink> {
    return this.rest.post(`/v1/orders/${idIn(orderId)}/tracking-sessions`)
  }
}
