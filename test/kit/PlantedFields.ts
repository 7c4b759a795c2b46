import { randomUUID } from "node:crypto"
import type { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import type { ClosedPlace } from "./ContractShape.ts"

/** What somebody would try to set who has read the database's design. */
const temptingNames = [
  "role",
  "roles",
  "price",
  "unit_price",
  "total",
  "status",
  "driver_id",
  "customer_id",
  "user_id",
  "placed_by",
  "id",
  "version",
  "is_admin",
  "permissions",
  "email_verified",
  "deleted_at",
  "created_at",
  "fencing_token",
  "stock",
  "shipment_id",
  "password_hash",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "$where",
  ""
]

const pick = <A>(random: SeededRandom, from: ReadonlyArray<A>, otherwise: A): A =>
  from[random.below(from.length)] ?? otherwise

const randomName = (random: SeededRandom): string =>
  random.chance(0.8)
    ? pick(random, temptingNames, "role")
    : String.fromCharCode(...Array.from({ length: 1 + random.below(12) }, () => 33 + random.below(90)))

const randomValue = (random: SeededRandom, ids: ReadonlyArray<string>): unknown =>
  pick<unknown>(
    random,
    [
      "admin",
      "delivered",
      pick(random, ids, ""),
      randomUUID(),
      0,
      -1,
      random.below(1_000_000),
      true,
      false,
      null,
      [],
      ["admin"],
      {},
      { isPlanted: true },
      { amount: 0, currency: "EUR" }
    ],
    null
  )

// Assigned, `__proto__` would set the prototype and not be sent.
const setOwn = (object: Record<string, unknown>, name: string, value: unknown): void => {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
}

const escaped = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1")

/** Puts one to three members that the contract does not name into objects of a body; answers their JSON pointers. */
export const plantIn = (
  random: SeededRandom,
  places: ReadonlyArray<ClosedPlace>,
  ids: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const planted = new Set<string>()
  for (let left = 1 + random.below(3); left > 0; left--) {
    const place = places[random.below(places.length)]
    const name = randomName(random)
    if (place === undefined || place.names.has(name)) continue
    setOwn(place.object, name, randomValue(random, ids))
    planted.add(`${place.pointer}/${escaped(name)}`)
  }
  return [...planted]
}

/** A query parameter that no route has. */
export const plantedQuery = (random: SeededRandom): string => {
  const name = `${randomName(random).replace(/[^\w]/g, "")}_planted`
  return `${name}=${encodeURIComponent(String(randomValue(random, [])))}`
}
