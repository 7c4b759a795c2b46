import { Context } from "effect"
import { HttpApi } from "effect/http-api"
import type { IdKind } from "../../src/domain/Ids.ts"
import { Access, type AccessRule } from "../../src/http/Access.ts"
import { Api } from "../../src/http/Api.ts"
import { Authenticated } from "../../src/http/Authenticated.ts"
import type { Belongings } from "./Household.ts"

/** What is asked besides method, path and token. */
export interface Asked {
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** How one route of REST is tried. */
export interface RouteTrial {
  /** The kind of the path's `:id`. */
  readonly id?: IdKind
  /** Whose things the route is about. `nobody`: no one's, as products are, or none at all. */
  readonly about: "customer" | "driver" | "user" | "nobody"
  /** Whether the request names things, so that it can name foreign and absent ones. */
  readonly names: boolean
  readonly ask?: (things: Belongings) => Asked
  /** Another way to name things of others in the same request. */
  readonly also?: (things: Belongings) => Asked
  /** Why its answer about what is foreign is another one than about what is absent. */
  readonly tellsApart?: string
  /** The request is sent without the asker's token: what it carries stands for them. */
  readonly isAnonymous?: boolean
}

/** One letter beside a real secret: what a guesser would have to be lucky to find. */
export const guessOf = (secret: string): string =>
  secret.slice(0, -2) + (secret.at(-2) === "A" ? "B" : "A") + secret.slice(-1)

const newAddress = { line1: "Street 1", city: "Wien", country: "AT", lat: 48.2, lng: 16.3 }
const newOrder = (product: string) => ({ items: [{ product_id: product, quantity: 1 }], channel: "web" })
const password = "correct horse battery staple"
const one = (kind: IdKind, about: RouteTrial["about"], ask?: RouteTrial["ask"]): RouteTrial => ({
  id: kind,
  about,
  names: true,
  ...(ask === undefined ? {} : { ask })
})
const all = (about: RouteTrial["about"], ask?: RouteTrial["ask"]): RouteTrial => ({
  about,
  names: ask !== undefined,
  ...(ask === undefined ? {} : { ask })
})
const own = (about: RouteTrial["about"], body?: unknown): RouteTrial => ({
  about,
  names: false,
  ...(body === undefined ? {} : { ask: () => ({ body }) })
})
const saying = (body: unknown) => () => ({ body })

/** Every endpoint of the contract, by group and name: a new one without a row here fails the trial. */
export const routeTrials: Readonly<Record<string, RouteTrial>> = {
  "auth.register": {
    ...all("nobody", ({ email }) => ({ body: { email, password, name: "New" } })),
    isAnonymous: true,
    tellsApart: "an address has one account, and who registers must be told that it has one"
  },
  "auth.login": {
    ...all("nobody", ({ email }) => ({ body: { email, password: "not their password" } })),
    isAnonymous: true
  },
  "auth.refresh": {
    ...all("nobody", ({ refreshToken }) => ({ body: { refresh_token: guessOf(refreshToken) } })),
    isAnonymous: true
  },
  "auth.logout": {
    ...all("nobody", ({ refreshToken }) => ({ body: { refresh_token: guessOf(refreshToken) } })),
    isAnonymous: true
  },
  "me.get": own("user"),
  "me.update": own("user", { name: "Renamed" }),
  "me.sessions": own("user"),
  "me.endSessions": own("user"),
  "me.endSession": one("authSession", "customer"),
  "users.list": all("user", ({ email }) => ({ query: { email } })),
  "users.get": one("user", "user"),
  "users.update": one("user", "user", saying({ status: "disabled" })),
  "users.grant": one("user", "user", saying({ role: "support" })),
  "users.revokeGrant": one("user", "user"),
  "driverTokens.issue": one("driver", "driver", saying({})),
  "driverTokens.issueMany": all("driver", ({ ids }) => ({ body: { driver_ids: [ids.driver] } })),
  "driverLocations.location": one("driver", "driver"),
  "driverLocations.trail": one("driver", "driver"),
  "driverLocations.nearby": all("driver", ({ lat, lng }) => ({ query: { lat: `${lat}`, lng: `${lng}` } })),
  "drivers.list": all("driver", ({ driverEmail }) => ({ query: { q: driverEmail } })),
  "drivers.create": all("driver", ({ driverEmail }) => ({ body: { email: driverEmail, name: "New" } })),
  "drivers.get": one("driver", "driver"),
  "drivers.update": one("driver", "driver", saying({ name: "Changed" })),
  "drivers.remove": one("driver", "driver"),
  "drivers.endSessions": one("driver", "driver"),
  "driverProfiles.profile": one("driver", "driver"),
  "driverProfiles.updateProfile": one("driver", "driver", ({ ids }) => ({ body: { vehicle_id: ids.vehicle } })),
  "driverProfiles.vehicle": one("driver", "driver"),
  "driverProfiles.assignVehicle": one("driver", "driver", ({ ids }) => ({ body: { vehicle_id: ids.vehicle } })),
  "driverProfiles.releaseVehicle": one("driver", "driver"),
  "driverProfiles.devices": one("driver", "driver"),
  "driverProfiles.sessions": one("driver", "driver"),
  "vehicles.list": all("driver"),
  "vehicles.create": own("nobody", { type: "van" }),
  "vehicles.get": one("vehicle", "driver"),
  "vehicles.update": one("vehicle", "driver", saying({ colour: "green" })),
  "vehicles.remove": one("vehicle", "driver"),
  "addresses.list": own("customer"),
  "addresses.create": own("customer", newAddress),
  "addresses.get": one("address", "customer"),
  "addresses.update": one("address", "customer", saying({ city: "Graz" })),
  "addresses.remove": one("address", "customer"),
  "customers.me": own("customer"),
  "customers.updateMe": own("customer", { name: "Renamed" }),
  "customers.list": all("customer"),
  "customers.get": one("customer", "customer"),
  "products.list": own("nobody"),
  "products.create": own("nobody", { name: "Bag", price: { amount: 1, currency: "EUR" }, stock: 1 }),
  "products.get": one("product", "nobody"),
  "products.update": one("product", "nobody", saying({ name: "Bag" })),
  "products.remove": one("product", "nobody"),
  "orders.list": all("customer", ({ ids, externalId }) => ({
    query: { customer_id: ids.customer, external_id: externalId }
  })),
  "orders.place": {
    ...all("customer", ({ ids, idempotencyKey }) => ({
      body: { ...newOrder(ids.product), delivery_address_id: ids.address },
      headers: { "idempotency-key": idempotencyKey }
    })),
    also: ({ ids }) => ({
      body: { ...newOrder(ids.product), delivery_address: newAddress, customer_id: ids.customer }
    })
  },
  "orders.get": one("order", "customer"),
  "orders.submit": one("order", "customer", saying({})),
  "orders.confirm": one("order", "customer", saying({})),
  "orders.cancel": one("order", "customer", saying({ reason: "changed my mind" })),
  "payments.pay": one("order", "customer", saying({ method: "sandbox", token: "tok_ok" })),
  "payments.get": one("order", "customer"),
  "payments.attempts": one("order", "customer"),
  "payments.capture": one("order", "customer", saying({})),
  "payments.void": one("order", "customer", saying({})),
  "payments.refund": one("order", "customer", saying({ amount: { amount: 1, currency: "EUR" } })),
  "payments.refunds": one("order", "customer"),
  "stripeEvents.receive": { ...own("nobody", { id: "evt_1", object: "event" }), isAnonymous: true },
  "board.list": own("customer"),
  "shipments.list": all("customer", ({ ids }) => ({ query: { driver_id: ids.driver } })),
  "shipments.get": one("shipment", "customer"),
  "shipments.timeline": one("shipment", "customer"),
  "shipments.stops": one("shipment", "customer"),
  "shipments.assign": one("shipment", "customer", ({ ids }) => ({ body: { driver_id: ids.driver } })),
  "shipments.reassign": one("shipment", "customer", ({ ids }) => ({ body: { driver_id: ids.driver } })),
  "shipments.unassign": one("shipment", "customer", saying({ reason: "another driver" })),
  "shipments.offer": one("shipment", "customer", ({ ids }) => ({ body: { driver_ids: [ids.driver] } })),
  "shipments.retry": one("shipment", "customer", saying({})),
  "shipments.return": one("shipment", "customer", saying({})),
  "shipments.markReturned": one("shipment", "customer", saying({ reason: "it is back" })),
  "shipments.reschedule": one(
    "shipment",
    "customer",
    saying({ window: { start: "2030-01-01T08:00:00Z", end: "2030-01-01T10:00:00Z" } })
  ),
  "shipments.cancel": one("shipment", "customer", saying({ reason: "changed my mind" })),
  "assignments.explanation": one("assignment", "customer"),
  "files.begin": own("user", { mime: "image/png", bytes: 4, sha256: "ab".repeat(32), purpose: "attachment" }),
  "files.get": one("file", "customer"),
  "files.append": one("file", "customer", () => ({
    body: "test",
    headers: { "content-type": "application/octet-stream", "upload-offset": "0" }
  })),
  "files.download": one("file", "customer"),
  "fileContent.read": {
    ...one("file", "customer", () => ({ query: { expires: "9999999999", signature: "A".repeat(43) } })),
    isAnonymous: true
  },
  "proofs.list": all("customer"),
  "proofs.ofShipment": one("shipment", "customer"),
  "proofs.waive": one("shipment", "customer", saying({ type: "pin" })),
  "threads.list": all("customer", ({ ids }) => ({ query: { context_type: "order", context_id: ids.order } })),
  "threads.open": all("customer", ({ ids }) => ({ body: { context_type: "order", context_id: ids.order } })),
  "threads.get": one("thread", "customer"),
  "threads.read": one("thread", "customer", ({ ids }) => ({ body: { read_message_id: ids.message } })),
  "threads.messages": one("thread", "customer"),
  "threads.write": one("thread", "customer", saying({ text: "hello" })),
  "threads.removeMessage": one("message", "customer"),
  "runs.list": all("driver", ({ ids }) => ({ query: { driver_id: ids.driver } })),
  "runs.create": all("driver", ({ ids }) => ({ body: { driver_id: ids.driver, shipment_ids: [ids.shipment] } })),
  "runs.get": one("run", "driver"),
  "runs.update": one("run", "driver", saying({ name: "Changed" })),
  "runs.addShipments": one("run", "driver", ({ ids }) => ({ body: { shipment_ids: [ids.shipment] } })),
  "runs.takeOut": one("run", "driver"),
  "runs.reorder": one("run", "driver", ({ ids }) => ({ body: { stop_ids: [ids.stop] } })),
  "runs.addBreak": one("run", "driver", saying({ lat: 48.2, lng: 16.3, duration_s: 600 })),
  "runs.dropBreak": one("run", "driver"),
  "runs.start": one("run", "driver", saying({})),
  "runs.complete": one("run", "driver", saying({})),
  "runs.cancel": one("run", "driver", saying({})),
  "trackingSessions.create": one("order", "customer", saying({})),
  "trackingSessions.list": one("order", "customer"),
  "trackingSessions.revoke": one("trackingSession", "customer"),
  "tracking.snapshot": {
    ...all("customer", ({ trackingToken }) => ({ headers: { authorization: `Bearer ${guessOf(trackingToken)}` } })),
    isAnonymous: true
  },
  "events.list": all("nobody"),
  "events.types": all("nobody"),
  "ops.livez": own("nobody"),
  "ops.readyz": own("nobody"),
  "ops.metrics": own("nobody")
}

/** One endpoint as the contract has it. */
export interface TriedRoute {
  /** `group.endpoint`. */
  readonly name: string
  readonly method: string
  readonly template: string
  readonly isGuarded: boolean
  readonly rule: AccessRule | undefined
}

const reflected = (): ReadonlyArray<TriedRoute> => {
  const found: Array<TriedRoute> = []
  HttpApi.reflect(Api, {
    onGroup: () => {},
    onEndpoint: ({ group, endpoint, mergedAnnotations }) =>
      void found.push({
        name: `${group.identifier}.${endpoint.identifier}`,
        method: endpoint.method,
        template: endpoint.path,
        isGuarded: [...endpoint.middlewares].some((key) => key.key === Authenticated.key),
        rule: Context.getOrUndefined(mergedAnnotations, Access)
      })
  })
  return found
}

/** Every endpoint of the contract. */
export const triedRoutes: ReadonlyArray<TriedRoute> = reflected()

/** The trial of a route; fails for one that has none. */
export const trialOf = ({ name }: TriedRoute): RouteTrial => {
  const trial = routeTrials[name]
  if (trial === undefined) throw new Error(`${name} has no row in routeTrials`)
  return trial
}

/** A request that is ready to be sent. */
export interface TriedRequest extends Asked {
  readonly path: string
}

/** The requests of a route about these things: one, or one for each way to name them. */
export const requestsOf = (route: TriedRoute, things: Belongings): ReadonlyArray<TriedRequest> => {
  const { id, ask, also } = trialOf(route)
  const path = route.template
    .replace(":id", id === undefined ? ":id" : things.ids[id])
    .replace(":shipmentId", things.ids.shipment)
    .replace(":stopId", things.ids.stop)
    .replace(":role", "support")
    .replace(/(.)\/$/, "$1")
  const ways = [ask ?? (() => ({})), ...(also === undefined ? [] : [also])]
  return ways.map((way) => {
    const asked: Asked = way(things)
    return { ...asked, path: asked.query === undefined ? path : `${path}?${new URLSearchParams(asked.query)}` }
  })
}
