import { randomBytes, randomUUID } from "node:crypto"
import { Effect } from "effect"
import pg from "pg"
import { Shipments } from "../../src/actors/shipments/Shipments.ts"
import { bareId, type IdKind, publicId } from "../../src/domain/Ids.ts"
import { AccessTokens, type TokenSubject } from "../../src/identity/AccessTokens.ts"
import type { Role } from "../../src/identity/Principal.ts"
import { call, login, type Tokens, withRole } from "./RestCaller.ts"
import type { RestServer } from "./RestServer.ts"

/** What a route of REST can be asked about: the ids and words of one customer and the driver who carries their order. */
export interface Belongings {
  readonly ids: Readonly<Record<IdKind, string>>
  readonly email: string
  readonly driverEmail: string
  readonly externalId: string
  /** Where the driver is, degrees. */
  readonly lat: number
  readonly lng: number
  readonly trackingToken: string
  readonly refreshToken: string
  /** The key that the order was placed under. */
  readonly idempotencyKey: string
}

/** Somebody who asks. */
export interface Person {
  readonly name: string
  readonly subject: TokenSubject
  readonly token: string
  /** Texts that stand in rows about this person and nowhere else. */
  readonly secrets: ReadonlyArray<string>
}

/** A customer, the driver who carries their order, and all that is theirs. */
export interface Household {
  readonly customer: Person
  readonly driver: Person
  readonly things: Belongings
}

/** A text that stands nowhere else, short enough for a number plate. */
const newSecret = (): string => `zq${randomBytes(6).toString("hex")}`
const newPhone = (): string => `+4366${randomBytes(5).readUIntBE(0, 5).toString().padStart(13, "0")}`

const insist = async <Body>(what: string, answer: Promise<{ status: number; text: string; body: Body }>) => {
  const { status, text, body } = await answer
  if (status >= 300) throw new Error(`${what} was answered ${status}: ${text}`)
  return body
}

const customerPassword = "a customer's password"

interface Made {
  readonly id: string
}

const bare = (kind: IdKind, id: string): string => {
  const uuid = bareId(kind, id)
  if (uuid === undefined) throw new Error(`${id} is no id of a ${kind}`)
  return uuid
}

/** People in a REST server's database: two households that must not see each other, staff, and a user without any role. */
export class Town {
  readonly rest: RestServer
  readonly owner: pg.Client
  readonly admin: string
  readonly productId: string

  private constructor(rest: RestServer, owner: pg.Client, admin: string, productId: string) {
    this.rest = rest
    this.owner = owner
    this.admin = admin
    this.productId = productId
  }

  static async open(rest: RestServer, admin: string): Promise<Town> {
    const owner = new pg.Client({ connectionString: rest.databaseUrl })
    await owner.connect()
    await owner.query("SELECT ensure_telemetry_day((now() AT TIME ZONE 'UTC')::date)")
    const body = { name: "Box", price: { amount: 100, currency: "EUR" }, stock: 1_000 }
    const { id } = await insist("a product", call<Made>(rest.url, "POST", "/v1/products", { token: admin, body }))
    return new Town(rest, owner, admin, id)
  }

  close(): Promise<void> {
    return this.owner.end()
  }

  /** An access token that says exactly this. */
  async tokenOf(subject: TokenSubject): Promise<string> {
    const issued = Effect.flatMap(AccessTokens, (tokens) => tokens.issue(subject, 900))
    return (await this.rest.run(issued)).token
  }

  /** Somebody with grants from the administrator; they are customers, too. */
  async staff(name: Exclude<Role, "customer" | "driver">): Promise<Person> {
    const tokens = await withRole(this.rest.url, this.admin, name)
    return this.person(name, tokens.user.id, ["customer", name])
  }

  /** Somebody who registered and lost every role since. */
  async nobody(): Promise<Person> {
    const { tokens } = await this.register("Nobody", newSecret(), newPhone())
    await this.owner.query("DELETE FROM user_roles WHERE user_id = $1", [bare("user", tokens.user.id)])
    await this.owner.query("UPDATE customers SET user_id = NULL WHERE user_id = $1", [bare("user", tokens.user.id)])
    return this.person("nobody", tokens.user.id, [])
  }

  /** A customer and a driver under way to them. */
  async household(customerName: string, driverName: string, lat: number): Promise<Household> {
    const [secret, phone, driverSecret, driverPhone] = [newSecret(), newPhone(), newSecret(), newPhone()]
    const { tokens, customerId } = await this.register(customerName, secret, phone)
    const [elsewhere] = await this.sessionsOf(tokens.user.id)
    // The login that they ask with; the one before is what `/v1/me/sessions/:id` is asked about.
    await login(this.rest.url, `${secret}@test.example`, customerPassword)
    const bought = await this.orderOf(tokens.access_token, secret, phone)
    const driven = await this.driverOf(driverName, driverSecret, driverPhone, lat)
    await this.underWay(bought.shipmentId, driven.driverId)
    const runId = await this.runOf(bought.shipmentId, driven.driverId, driverSecret)
    const driver = await this.person(driverName, driven.userId, ["driver"], [driverSecret, driverPhone, String(lat)])
    const customer = await this.person(customerName, tokens.user.id, ["customer"], [secret, phone])
    const things: Belongings = {
      ids: {
        user: tokens.user.id,
        customer: customerId,
        driver: driven.driverId,
        vehicle: driven.vehicleId,
        device: driven.deviceId,
        session: driven.sessionId,
        authSession: publicId("authSession", elsewhere ?? randomUUID()),
        address: bought.addressId,
        product: this.productId,
        order: bought.orderId,
        payment: bought.paymentId,
        refund: bought.refundId,
        shipment: bought.shipmentId,
        assignment: await this.onlyId("assignment", "driver_assignments", bought.shipmentId),
        offer: publicId("offer", (await this.onlyId("assignment", "driver_assignments", bought.shipmentId)).slice(4)),
        run: runId,
        stop: await this.onlyId("stop", "route_stops", bought.shipmentId),
        trackingSession: bought.trackingSessionId,
        event: await this.onlyId("event", "shipment_events", bought.shipmentId),
        ...(await this.conversation(secret, bought, bare("customer", customerId), tokens.user.id, driven))
      },
      email: `${secret}@test.example`,
      driverEmail: `${driverSecret}@test.example`,
      externalId: `ref-${secret}`,
      lat,
      lng: 16.4,
      trackingToken: bought.trackingToken,
      refreshToken: tokens.refresh_token,
      idempotencyKey: `key-${secret}`
    }
    return { customer, driver, things }
  }

  private async person(
    name: string,
    userId: string,
    roles: ReadonlyArray<Role>,
    secrets: ReadonlyArray<string> = []
  ): Promise<Person> {
    const { rows } = await this.owner.query<{ driver: string | null; customer: string | null }>(
      `SELECT d.id AS driver, c.id AS customer FROM users u
       LEFT JOIN drivers d ON d.user_id = u.id LEFT JOIN customers c ON c.user_id = u.id WHERE u.id = $1`,
      [bare("user", userId)]
    )
    const sessionId = (await this.sessionsOf(userId)).at(-1)
    const [row] = rows
    if (row === undefined || sessionId === undefined) throw new Error(`${name} has no session`)
    const subject: TokenSubject = {
      userId: bare("user", userId),
      sessionId,
      roles,
      ...(row.driver === null ? {} : { driverId: row.driver }),
      ...(row.customer === null ? {} : { customerId: row.customer })
    }
    return { name, subject, token: await this.tokenOf(subject), secrets }
  }

  /** Live auth sessions of a user, the oldest first; bare UUIDs. */
  private async sessionsOf(userId: string): Promise<ReadonlyArray<string>> {
    const { rows } = await this.owner.query<{ id: string }>(
      "SELECT id FROM auth_sessions WHERE user_id = $1 AND revoked_at IS NULL ORDER BY id",
      [bare("user", userId)]
    )
    return rows.map(({ id }) => id)
  }

  private async register(
    name: string,
    secret: string,
    phone: string
  ): Promise<{ readonly tokens: Tokens; readonly customerId: string }> {
    const { url } = this.rest
    const [email, password] = [`${secret}@test.example`, customerPassword]
    const body = { email, password, name: `${name} ${secret}`, phone }
    const made = await insist(name, call<{ customer_id: string }>(url, "POST", "/v1/auth/register", { body }))
    return { tokens: await login(url, email, password), customerId: made.customer_id }
  }

  private async orderOf(token: string, secret: string, phone: string) {
    const { url } = this.rest
    const lines = { label: secret, line1: `${secret} 1`, line2: secret, city: secret, region: secret }
    const place = { ...lines, country: "AT", lat: 48.2, lng: 16.3, instructions: `ring at ${secret}` }
    const address = await insist(
      "an address",
      call<Made>(url, "POST", "/v1/customers/me/addresses", { token, body: place })
    )
    const body = {
      items: [{ product_id: this.productId, quantity: 1 }],
      delivery_address_id: address.id,
      pickup: { line1: `depot ${secret}`, lat: 48.21, lng: 16.31 },
      contact: { name: `Contact ${secret}`, phone, email: `${secret}@test.example` },
      channel: "web",
      external_id: `ref-${secret}`,
      notes: `careful, ${secret}`,
      submit: true
    }
    const headers = { "idempotency-key": `key-${secret}` }
    const order = await insist("an order", call<Made>(url, "POST", "/v1/orders", { token, body, headers }))
    const confirmed = await insist(
      "confirming",
      call<{ shipment_id: string }>(url, "POST", `/v1/orders/${order.id}/confirm`, { token: this.admin, body: {} })
    )
    const link = await insist(
      "a link",
      call<{ id: string; token: string }>(url, "POST", `/v1/orders/${order.id}/tracking-sessions`, { token, body: {} })
    )
    const staff = { token: this.admin }
    const paid = await insist(
      "a payment",
      call<Made>(url, "POST", `/v1/orders/${order.id}/payment`, { token, body: { method: "sandbox", token: "tok_ok" } })
    )
    await insist("a capture", call<Made>(url, "POST", `/v1/orders/${order.id}/payment/capture`, staff))
    const refund = { amount: { amount: 1, currency: "EUR" }, reason: `sorry, ${secret}` }
    const refunded = await insist(
      "a refund",
      call<Made>(url, "POST", `/v1/orders/${order.id}/refunds`, { ...staff, body: refund })
    )
    // What the server itself would still look at is no doing of anybody's.
    await this.owner.query("UPDATE payments SET follow_at = NULL")
    return {
      addressId: address.id,
      orderId: order.id,
      paymentId: paid.id,
      refundId: refunded.id,
      shipmentId: confirmed.shipment_id,
      trackingSessionId: link.id,
      trackingToken: link.token
    }
  }

  private async driverOf(name: string, secret: string, phone: string, lat: number) {
    const { url } = this.rest
    const token = this.admin
    const vehicle = { type: "van", plate: secret, colour: "red", capacity: { note: secret } }
    const body = { email: `${secret}@test.example`, name: `${name} ${secret}`, phone, vehicle }
    const made = await insist(
      name,
      call<{ id: string; user_id: string; vehicle_id: string }>(url, "POST", "/v1/drivers", { token, body })
    )
    const profile = { license: { number: secret }, vehicle_preference: secret }
    await insist("a profile", call(url, "PATCH", `/v1/drivers/${made.id}/profile`, { token, body: profile }))
    await insist("a token", call(url, "POST", `/v1/drivers/${made.id}/tokens`, { token, body: {} }))
    const phoneRows = await this.phoneOf(bare("driver", made.id), secret, lat)
    return { driverId: made.id, userId: made.user_id, vehicleId: made.vehicle_id, ...phoneRows }
  }

  // What a phone would have left: the sockets of the trial come later, on a server of their own.
  private async phoneOf(driverId: string, secret: string, lat: number) {
    const [deviceId, sessionId] = [randomUUID(), randomUUID()]
    const owner = this.owner
    await owner.query(
      "INSERT INTO driver_devices (id, driver_id, device_no, platform, device_identifier, push_token) VALUES ($1, $2, 1, 'ios', $3, $3)",
      [deviceId, driverId, secret]
    )
    await owner.query(
      "INSERT INTO driver_sessions (id, driver_id, device_id, app_version, node) VALUES ($1, $2, $3, $4, 'n')",
      [sessionId, driverId, deviceId, secret]
    )
    await owner.query(
      "INSERT INTO driver_location_events (driver_id, recorded_at, seq, lat, lng, session_id, device_no) VALUES ($1, now(), 1, $2, 16.4, $3, 1)",
      [driverId, lat, sessionId]
    )
    await owner.query(
      `INSERT INTO driver_ingest_cursors (driver_id, device_no, session_id, last_seq, marker_recorded_at, marker_received_at, marker_lat, marker_lng)
       VALUES ($1, 1, $2, 1, now(), now(), $3, 16.4)`,
      [driverId, sessionId, lat]
    )
    return { deviceId: publicId("device", deviceId), sessionId: publicId("session", sessionId) }
  }

  private async underWay(shipmentId: string, driverId: string): Promise<void> {
    const assigned = await insist(
      "assigning",
      call<{ id: string; fencing_token: number }>(this.rest.url, "POST", `/v1/shipments/${shipmentId}/assign`, {
        token: this.admin,
        body: { driver_id: driverId }
      })
    )
    for (const action of ["en_route_to_pickup", "at_pickup", "picked_up", "en_route"] as const) {
      const task = {
        commandId: randomUUID(),
        assignmentId: bare("assignment", assigned.id),
        fencingToken: assigned.fencing_token,
        action,
        occurredAtMs: Date.now(),
        payload: {}
      }
      const told = Effect.flatMap(Shipments, (shipments) => shipments.task(bare("driver", driverId), task))
      const verdict = await this.rest.run(told)
      if (!verdict.ok) throw new Error(`${action} was refused: ${JSON.stringify(verdict.detail)}`)
    }
  }

  private async runOf(shipmentId: string, driverId: string, name: string): Promise<string> {
    const token = this.admin
    const body = { driver_id: driverId, name, shipment_ids: [shipmentId] }
    const { id } = await insist("a run", call<Made>(this.rest.url, "POST", "/v1/runs", { token, body }))
    await insist("starting", call(this.rest.url, "POST", `/v1/runs/${id}/start`, { token, body: {} }))
    return id
  }

  /** What was said about the order, with a picture, and how its delivery was proved. */
  private async conversation(
    secret: string,
    { orderId, shipmentId }: { readonly orderId: string; readonly shipmentId: string },
    customerId: string,
    userId: string,
    { driverId }: { readonly driverId: string }
  ): Promise<Record<"thread" | "message" | "file" | "proof", string>> {
    const ids = { thread: randomUUID(), message: randomUUID(), file: randomUUID(), proof: randomUUID() }
    const { owner } = this
    await owner.query(
      `INSERT INTO message_threads (id, context_type, context_id, channel, customer_id, subject, created_by)
       VALUES ($1, 'order', $2, 'web', $3, $4, $5)`,
      [ids.thread, bare("order", orderId), customerId, secret, bare("user", userId)]
    )
    await owner.query(
      "INSERT INTO messages (id, thread_id, author_customer_id, author_kind, body) VALUES ($1, $2, $3, 'customer', $4)",
      [ids.message, ids.thread, customerId, `please, ${secret}`]
    )
    await owner.query(
      `INSERT INTO files (id, bucket, key, mime, bytes, sha256, name, customer_id, uploaded_by, received_bytes, stored_at)
       VALUES ($1::uuid, 'disk', $1::text, 'image/png', 4, sha256($2::text::bytea), $2, $3, $4, 4, now())`,
      [ids.file, secret, customerId, bare("user", userId)]
    )
    await owner.query("INSERT INTO message_attachments (message_id, position, file_id) VALUES ($1, 1, $2)", [
      ids.message,
      ids.file
    ])
    await owner.query(
      `INSERT INTO proofs (id, order_id, shipment_id, assignment_id, driver_id, position, type, value, captured_at, added_at)
       SELECT $1, $2, $3, a.id, $4, 1, 'note', $5, now(), now() FROM driver_assignments a WHERE a.shipment_id = $3`,
      [ids.proof, bare("order", orderId), bare("shipment", shipmentId), bare("driver", driverId), secret]
    )
    const kinds = ["thread", "message", "file", "proof"] as const
    return Object.fromEntries(kinds.map((kind) => [kind, publicId(kind, ids[kind])])) as typeof ids
  }

  private async onlyId(kind: IdKind, table: string, shipmentId: string): Promise<string> {
    const { rows } = await this.owner.query<{ id: string }>(
      `SELECT id FROM ${table} WHERE shipment_id = $1 ORDER BY id LIMIT 1`,
      [bare("shipment", shipmentId)]
    )
    return publicId(kind, rows[0]?.id ?? randomUUID())
  }
}

/** Things of the same shapes that nobody has. */
export const absentThings = (like: Belongings): Belongings => {
  const secret = newSecret()
  const kinds = Object.keys(like.ids) as ReadonlyArray<IdKind>
  return {
    ids: {
      ...(Object.fromEntries(kinds.map((kind) => [kind, publicId(kind, randomUUID())])) as Belongings["ids"]),
      // Products are everybody's: an order of an absent one would be refused before anything else of it is looked at.
      product: like.ids.product
    },
    email: `${secret}@test.example`,
    driverEmail: `driver-${secret}@test.example`,
    externalId: `ref-${secret}`,
    lat: 1,
    lng: 1,
    trackingToken: `dmt_${randomBytes(32).toString("base64url")}`,
    refreshToken: randomBytes(68).toString("base64url"),
    idempotencyKey: `key-${secret}`
  }
}
