import { DeliveryRest } from "../../src/client/DeliveryRest.ts"
import { DriverClient } from "../../src/client/DriverClient.ts"
import { Problem } from "../../src/client/Problem.ts"
import { RestClient } from "../../src/client/RestClient.ts"
import type { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { testAddress } from "./PlacedOrder.ts"
import { freshEmail } from "./RestCaller.ts"
import { processAdmin, type ServerProcess } from "./ServerProcess.ts"

/** How a delivery ends. */
type Ending = "delivered" | "returned" | "handed_off" | "cancelled"

const setOut = ["en_route_to_pickup", "at_pickup", "picked_up"] as const

/** What an action has to say beside its name. */
const payloads: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  failed: { reason_code: "recipient_absent" },
  handed_off: { reason_code: "vehicle_broken" }
}

/**
 * A courier and the desk behind them, who see deliveries through while the server is killed: REST is repeated under its
 * Idempotency-Key, the phone keeps what was not answered and sends it again.
 */
export class Courier {
  readonly endings: Record<Ending, number> = { delivered: 0, returned: 0, handed_off: 0, cancelled: 0 }
  private readonly rest: RestClient
  private readonly desk: DeliveryRest
  private readonly phone: DriverClient
  private readonly driverId: string
  private readonly productId: string
  private readonly random: SeededRandom
  private readonly stepped: () => void

  private constructor(
    rest: RestClient,
    phone: DriverClient,
    ids: { readonly driverId: string; readonly productId: string },
    random: SeededRandom,
    stepped: () => void
  ) {
    this.rest = rest
    this.desk = new DeliveryRest(rest)
    this.phone = phone
    this.driverId = ids.driverId
    this.productId = ids.productId
    this.random = random
    this.stepped = stepped
  }

  /** `stepped` is called after each thing that the server has answered. */
  static async hire(server: ServerProcess, random: SeededRandom, stepped: () => void): Promise<Courier> {
    const rest = new RestClient({ url: server.url, retryForMs: 120_000 })
    await rest.signIn(processAdmin.email, processAdmin.password)
    const { id: driverId } = await rest.createDriver({ email: freshEmail(), name: "Courier" })
    const { id: productId } = await new DeliveryRest(rest).createProduct({
      name: "Box",
      price: { amount: 100, currency: "EUR" },
      stock: 1_000_000
    })
    const [token] = await rest.provisionTokens([driverId])
    const phone = new DriverClient({
      url: server.driverUrl("http"),
      token: () => Promise.resolve(token?.access_token ?? ""),
      backoff: { floorMs: 20, baseMs: 50, capMs: 500 }
    })
    await phone.start()
    return new Courier(rest, phone, { driverId, productId }, random, stepped)
  }

  /** One delivery from the order to its end. */
  async deliver(): Promise<void> {
    const order = await this.desk.placeOrder({
      items: [{ product_id: this.productId, quantity: 1 }],
      delivery_address: testAddress,
      pickup: { line1: "Depot", lat: 48.2, lng: 16.36 },
      channel: "web",
      submit: true
    })
    this.stepped()
    const { shipment_id } = await this.desk.confirmOrder(order.id)
    this.stepped()
    const shipmentId = shipment_id ?? ""
    const ending = this.drawn()
    const assigned = await this.assigned(shipmentId)
    if (ending === "cancelled") await this.rest.post(`/v1/shipments/${shipmentId}/cancel`)
    else await this.carry(shipmentId, assigned, ending)
    this.stepped()
    this.endings[ending]++
  }

  async retire(): Promise<void> {
    await this.phone.stop()
  }

  private drawn(): Ending {
    const draw = this.random.next()
    return draw < 0.7 ? "delivered" : draw < 0.8 ? "returned" : draw < 0.9 ? "handed_off" : "cancelled"
  }

  private async assigned(shipmentId: string): Promise<Assigned> {
    const given = await this.rest.post<Assigned>(`/v1/shipments/${shipmentId}/assign`, { driver_id: this.driverId })
    this.stepped()
    return given
  }

  private async carry(shipmentId: string, first: Assigned, ending: Ending): Promise<void> {
    await this.work(first, ...setOut)
    if (ending === "handed_off") {
      await this.work(first, "handed_off")
      await this.work(await this.assigned(shipmentId), ...setOut, "en_route", "arrived", "delivered")
    } else if (ending === "returned") {
      await this.work(first, "en_route", "arrived", "failed", "returned")
    } else await this.work(first, "en_route", "arrived", "delivered")
  }

  private async work(task: Assigned, ...actions: ReadonlyArray<string>): Promise<void> {
    for (const action of actions) {
      const result = await this.phone.task(task.id, task.fencing_token, action, payloads[action])
      if (!result.ok) throw new Error(`${action} was refused: ${JSON.stringify(result.detail)}`)
      this.stepped()
    }
  }
}

interface Assigned {
  readonly id: string
  readonly fencing_token: number
}

/** Follows the public log from its beginning, through every restart of the server. */
export class LogFollower {
  /** Order and number of each event, in the order in which they came. */
  readonly pulled: Array<{ readonly id: string; readonly order_id: string; readonly sequence: number }> = []
  private isOn = true
  private readonly done: Promise<void>

  private constructor(rest: RestClient) {
    this.done = this.follow(rest)
  }

  static async open(url: string): Promise<LogFollower> {
    const rest = new RestClient({ url, retryForMs: 120_000 })
    await rest.signIn(processAdmin.email, processAdmin.password)
    return new LogFollower(rest)
  }

  async stop(): Promise<void> {
    this.isOn = false
    await this.done
  }

  private async follow(rest: RestClient): Promise<void> {
    let after: string | undefined
    while (this.isOn) {
      try {
        const page = await rest.get<{ data: LogFollower["pulled"]; next_after: string }>("/v1/events", {
          after,
          limit: 50,
          wait_s: 1
        })
        this.pulled.push(...page.data)
        after = page.next_after
      } catch (cause) {
        // Killed in the midst of an answer: read again from the same place.
        if (cause instanceof Problem) throw cause
      }
    }
  }
}
