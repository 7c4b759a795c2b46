import { Effect } from "effect"
import { DeliveryRest } from "../../client/DeliveryRest.ts"
import { Problem } from "../../client/Problem.ts"
import { RestClient } from "../../client/RestClient.ts"
import { SeededRandom } from "../../domain/simulation/SeededRandom.ts"
import { openHome, secret } from "../../embedded/Home.ts"
import { CommandFailed, commandFailed } from "../CommandFailed.ts"
import type { City } from "../fleet/SimulatedDriver.ts"
import { readEnv } from "../InstanceUrls.ts"
import { customerOf } from "../town/Customer.ts"
import { keepDelivering } from "./DemoDeliveries.ts"
import { DemoLinks } from "./DemoLinks.ts"

const customer = { email: "customer@demo.dropmate.local", name: "Demo Customer" }

export interface DemoDeliveriesInput {
  /** The server's HTTP address. */
  readonly url: string
  readonly orders: number
  readonly staff: RestClient
  /** How long REST requests are repeated, milliseconds. */
  readonly retryForMs: number
  readonly seed: number
  /** Gets whole lines. */
  readonly print: (text: string) => void
}

/** What the demo has happen in its city: a customer's orders, kept going, and links to follow them. */
export const demoDeliveries = (
  input: DemoDeliveriesInput
): Effect.Effect<(city: City, signal: AbortSignal) => Promise<void>, CommandFailed> =>
  Effect.gen(function* () {
    const { url, orders, retryForMs, seed, print } = input
    if (orders === 0) return async () => undefined
    const rest = new RestClient({ url, retryForMs })
    const password = yield* customerPassword
    yield* Effect.tryPromise({ try: () => signIn(rest, password), catch: commandFailed })
    const shopper = customerOf(rest)
    const staff = new DeliveryRest(input.staff)
    // Dispatchers' orders of an earlier run may be followed too, which their customer alone could not.
    const links = new DemoLinks(staff, print)
    const told = (line: string): void => print(`dropmate: ${line}\n`)
    const random = new SeededRandom(seed)
    return async (city: City, signal: AbortSignal) => {
      await Promise.all([
        keepDelivering({ city, orders, staff, customer: shopper, links, random, told, signal }),
        links.keepCurrent(orders, signal)
      ])
    }
  })

/** Kept with the home's secrets, so that the next run is the same customer. */
const customerPassword: Effect.Effect<string, CommandFailed> = Effect.gen(function* () {
  const { home, cacheDir } = yield* readEnv
  const opened = yield* openHome({ root: home, cacheDir })
  return yield* secret(opened, "demo-customer-password")
}).pipe(Effect.mapError(commandFailed), Effect.scoped)

const signIn = async (rest: RestClient, password: string): Promise<void> => {
  try {
    await rest.register({ ...customer, password })
  } catch (cause) {
    if (!(cause instanceof Problem) || cause.code !== "email_taken") throw cause
  }
  try {
    await rest.signIn(customer.email, password)
  } catch (cause) {
    if (!(cause instanceof Problem) || cause.status !== 401) throw cause
    throw new CommandFailed({
      message: `the password of ${customer.email} is not the one in this home's secrets: the database belongs to another home`
    })
  }
}
