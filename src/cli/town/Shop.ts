import type { DeliveryRest, NewOrder, OrderPlace, Product } from "../../client/DeliveryRest.ts"
import type { SeededRandom } from "../../domain/simulation/SeededRandom.ts"
import { placeDegrees, type StreetNetwork } from "../../domain/simulation/StreetNetwork.ts"

const goods = [
  { name: "Tomato soup", price: { amount: 640, currency: "EUR" } },
  { name: "Margherita", price: { amount: 990, currency: "EUR" } },
  { name: "Bunch of tulips", price: { amount: 1_450, currency: "EUR" } },
  { name: "Phone charger", price: { amount: 1_990, currency: "EUR" } }
] as const
const stock = 1_000_000
const itemsMax = 3
const kindsMax = 3

const channels = ["web", "app", "wechat"] as const

const streetNames = ["Linden", "Mill", "Harbour", "Station", "Garden", "Bridge", "Castle", "Meadow", "Market", "Chapel"]
const cityName = "Seedville"
const country = "DE"

/** Products under a name of their own, which nobody else orders. */
export const ownGoods = (staff: DeliveryRest, name: string): Promise<ReadonlyArray<Product>> =>
  Promise.all(goods.map((good) => staff.createProduct({ ...good, name: `${good.name}, ${name}`, stock })))

/** What the demo sells; made once, found again later. */
export const stockedGoods = async (staff: DeliveryRest): Promise<ReadonlyArray<Product>> => {
  const known = (await staff.products()).data
  return Promise.all(
    goods.map((good) => known.find(({ name }) => name === good.name) ?? staff.createProduct({ ...good, stock }))
  )
}

/** A crossing with an address; the same in every run. */
const addressOf = (network: StreetNetwork, crossing: number): OrderPlace => {
  const name = streetNames[crossing % streetNames.length] ?? ""
  const house = 1 + (Math.floor(crossing / streetNames.length) % 90)
  const { lat, lng } = placeDegrees(network, network.x[crossing] ?? 0, network.y[crossing] ?? 0)
  return { line1: `${name} Street ${house}`, lat, lng }
}

/** An order of one to three products from one crossing to another. */
export const orderBetween = (
  network: StreetNetwork,
  [pickup, dropoff]: readonly [number, number],
  products: ReadonlyArray<Product>,
  random: SeededRandom
): NewOrder => {
  const first = random.below(products.length)
  const kinds = random.chance(0.4) ? 1 + random.below(kindsMax) : 1
  const chosen = products.filter((_, index) => (index - first + products.length) % products.length < kinds)
  return {
    items: chosen.map(({ id }) => ({ product_id: id, quantity: 1 + random.below(itemsMax) })),
    delivery_address: { ...addressOf(network, dropoff), city: cityName, country },
    pickup: addressOf(network, pickup),
    channel: channels[random.below(channels.length)] ?? "web",
    submit: true
  }
}
