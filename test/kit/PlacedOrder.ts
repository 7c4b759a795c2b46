import { randomUUID } from "node:crypto"
import { call } from "./RestCaller.ts"

/** A drop-off in Vienna that REST accepts. */
export const testAddress = { line1: "Stephansplatz 1", city: "Wien", country: "AT", lat: 48.2085, lng: 16.3721 }

/** What POST `/v1/orders` answers, as far as tests look. */
export interface PlacedOrder {
  readonly id: string
  readonly status: string
  readonly total: { readonly amount: number; readonly currency: string }
  readonly shipment_id: string | null
  readonly shipment_status: string | null
}

/** A product with some stock; answers its id. */
export const newProduct = async (url: string, admin: string, stock = 100, amount = 1250): Promise<string> => {
  const made = await call<{ id: string }>(url, "POST", "/v1/products", {
    token: admin,
    body: { name: "Box", price: { amount, currency: "EUR" }, stock }
  })
  if (made.status !== 201) throw new Error(`making a product was answered ${made.status}: ${made.text}`)
  return made.body.id
}

/** An order of one piece, submitted. */
export const newOrder = async (
  url: string,
  token: string,
  productId: string,
  more: Readonly<Record<string, unknown>> = {}
): Promise<PlacedOrder> => {
  const placed = await call<PlacedOrder>(url, "POST", "/v1/orders", {
    token,
    headers: { "idempotency-key": randomUUID() },
    body: {
      items: [{ product_id: productId, quantity: 1 }],
      delivery_address: testAddress,
      pickup: { line1: "Depot", lat: 48.2, lng: 16.36 },
      channel: "web",
      submit: true,
      ...more
    }
  })
  if (placed.status !== 201) throw new Error(`placing an order was answered ${placed.status}: ${placed.text}`)
  return placed.body
}

/** The shipment of an order that is submitted and confirmed; `token` is the customer's. */
export const newShipment = async (
  url: string,
  admin: string,
  token: string = admin,
  more: Readonly<Record<string, unknown>> = {}
): Promise<{ readonly orderId: string; readonly shipmentId: string }> => {
  const order = await newOrder(url, token, await newProduct(url, admin), more)
  const confirmed = await call<PlacedOrder>(url, "POST", `/v1/orders/${order.id}/confirm`, { token: admin, body: {} })
  if (confirmed.status !== 200) throw new Error(`confirming was answered ${confirmed.status}: ${confirmed.text}`)
  return { orderId: order.id, shipmentId: confirmed.body.shipment_id ?? "" }
}
