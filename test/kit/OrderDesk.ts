import { RestClient } from "../../src/client/RestClient.ts"
import { newOrder, newProduct, type PlacedOrder } from "./PlacedOrder.ts"
import { processAdmin, type ServerProcess } from "./ServerProcess.ts"

/** Staff of a server with something to sell, who place orders by REST. */
export class OrderDesk {
  readonly rest: RestClient
  readonly token: string
  readonly productId: string
  private readonly url: string

  private constructor(url: string, rest: RestClient, token: string, productId: string) {
    this.url = url
    this.rest = rest
    this.token = token
    this.productId = productId
  }

  static async open(server: ServerProcess): Promise<OrderDesk> {
    const rest = new RestClient({ url: server.url })
    const { access_token: token } = await rest.signIn(processAdmin.email, processAdmin.password)
    return new OrderDesk(server.url, rest, token, await newProduct(server.url, token, 100_000))
  }

  /** An order for somebody, submitted; with what else its body says. */
  place(name: string, more: Readonly<Record<string, unknown>> = {}): Promise<PlacedOrder> {
    return newOrder(this.url, this.token, this.productId, { contact: { name }, ...more })
  }

  confirm(orderId: string): Promise<PlacedOrder> {
    return this.rest.post<PlacedOrder>(`/v1/orders/${orderId}/confirm`)
  }

  /** An order with a shipment; answers the shipment's id. */
  async ship(name: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const { id } = await this.place(name, more)
    return (await this.confirm(id)).shipment_id ?? ""
  }
}

/** A window of time that begins and ends so many minutes from now. */
export const windowIn = (fromMin: number, toMin: number): { readonly start: string; readonly end: string } => ({
  start: new Date(Date.now() + fromMin * 60_000).toISOString(),
  end: new Date(Date.now() + toMin * 60_000).toISOString()
})
