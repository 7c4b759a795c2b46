import { randomBytes } from "node:crypto"
import { Effect, Redacted, Schema } from "effect"
import type pg from "pg"
import { newId } from "./NewId.ts"
import { DatabaseUnreachable, databaseAddress, databaseMessage, pgConnection } from "./PgConnection.ts"

/** The administrator's address belongs to somebody who is not an administrator. Retry: never. */
export class SeedRefused extends Schema.TaggedError<SeedRefused>()("SeedRefused", { email: Schema.String }) {
  override get message(): string {
    return `${this.email} is an account without the role admin; choose another DROPMATE_ADMIN_EMAIL or grant the role`
  }
}

/** PostgreSQL refused a row of the baseline; nothing of it was kept. */
export class SeedFailed extends Schema.TaggedError<SeedFailed>()("SeedFailed", { message: Schema.String }) {}

/** What `seed` needs to know. */
export interface SeedInput {
  /** Undefined: the administrator is made only when there is none, as admin@dropmate.local. */
  readonly adminEmail?: string | undefined
  /** Undefined: one is generated. It is never changed once the account exists. */
  readonly adminPassword?: Redacted.Redacted | undefined
  /** argon2id of a password, as `Passwords.hash` gives it. */
  readonly hashPassword: (password: Redacted.Redacted) => Effect.Effect<string>
}

/** What `seed` found and made. */
export interface SeedReport {
  readonly adminEmail: string
  readonly adminMade: boolean
  /** Set when it was generated in this run: to be shown once, as nothing keeps it. */
  readonly generatedPassword: Redacted.Redacted | undefined
  readonly settingsMade: number
  readonly flagsMade: number
  /** Sample products and ads; only where there was none of the kind. */
  readonly samplesMade: number
}

/** Used when DROPMATE_ADMIN_EMAIL is not set. */
export const defaultAdminEmail = "admin@dropmate.local"

const baselineSettings = [
  [
    "dispatch.mode",
    "automatic",
    "automatic: a confirmed shipment is offered to drivers at once; manual: dispatchers assign"
  ],
  ["dispatch.offer_ttl_s", 30, "seconds a driver has to answer an offer"],
  [
    "payments.capture",
    "on_delivery",
    "on_delivery: what was authorized is taken when the order is delivered; at_once: as soon as it is authorized; manual: by staff"
  ],
  [
    "payments.returned",
    "refund",
    "refund: a parcel that comes back undelivered costs nothing; keep: what was paid stays, and staff refund what they see fit"
  ],
  [
    "delivery.requirements",
    [],
    "how a delivery must be proved unless its order says otherwise: photo, signature, pin, barcode, note"
  ],
  ["tracking.session_ttl_s", 86_400, "seconds a tracking link lives unless the request says otherwise"]
] as const

const baselineFlags = [
  ["console.live_map", true, 100, "dispatchers see moving markers in the console"],
  ["tracking.eta", true, 100, "customers see an estimated time of arrival"]
] as const

const insertBaseline = async (client: pg.Client): Promise<{ readonly settings: number; readonly flags: number }> => {
  let settings = 0
  for (const [key, value, description] of baselineSettings) {
    const done = await client.query(
      "INSERT INTO system_settings (key, value, description) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING",
      [key, JSON.stringify(value), description]
    )
    settings += done.rowCount ?? 0
  }
  let flags = 0
  for (const [key, enabled, rolloutPct, description] of baselineFlags) {
    const done = await client.query(
      "INSERT INTO feature_flags (key, enabled, rollout_pct, description) VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO NOTHING",
      [key, enabled, rolloutPct, description]
    )
    flags += done.rowCount ?? 0
  }
  return { settings, flags }
}

const sampleProducts = [
  ["01900000-0000-7000-8000-000000005a01", "Bread", "Sourdough, 1 kg", "4.80", 200],
  ["01900000-0000-7000-8000-000000005a02", "Flowers", "A bunch of the season", "24.00", 50],
  ["01900000-0000-7000-8000-000000005a03", "Parcel", "Up to 10 kg, 40 x 30 x 20 cm", "6.90", 1_000]
] as const

const sampleAd = {
  id: "01900000-0000-7000-8000-000000005a11",
  name: "Sample: free delivery",
  placement: "tracking.footer",
  title: "Your next delivery is on us",
  body: "Order again within a week."
} as const

/** Something to try the API with. A shop that has products or ads of its own, deleted ones included, is left alone. */
const insertSamples = async (client: pg.Client): Promise<number> => {
  let made = 0
  const products = await client.query("SELECT FROM products LIMIT 1")
  for (const [id, name, description, price, stock] of products.rowCount === 0 ? sampleProducts : []) {
    await client.query(
      "INSERT INTO products (id, name, description, price, currency, stock) VALUES ($1, $2, $3, $4, 'EUR', $5)",
      [id, name, description, price, stock]
    )
    made++
  }
  const { id, name, placement, title, body } = sampleAd
  const ad = await client.query(
    // A draft is shown to nobody.
    `INSERT INTO ads (id, name, placement, title, body, status) SELECT $1, $2, $3, $4, $5, 'draft' WHERE NOT EXISTS (SELECT FROM ads)`,
    [id, name, placement, title, body]
  )
  return made + (ad.rowCount ?? 0)
}

const insertAdmin = async (client: pg.Client, id: string, email: string, passwordHash: string): Promise<void> => {
  await client.query(
    "INSERT INTO users (id, email, name, password_hash, role) VALUES ($1, $2, 'Administrator', $3, 'admin')",
    [id, email, passwordHash]
  )
  await client.query("INSERT INTO user_roles (user_id, role) VALUES ($1, 'admin')", [id])
}

type FoundAdmin = { readonly found: "admin"; readonly email: string } | { readonly found: "other" | "nobody" }

const findAdmin = async (client: pg.Client, email: string | undefined): Promise<FoundAdmin> => {
  const rows = await client.query(
    `SELECT u.email, r.role IS NOT NULL AS is_admin
     FROM users u LEFT JOIN user_roles r ON r.user_id = u.id AND r.role = 'admin'
     WHERE u.deleted_at IS NULL AND (u.email = $1 OR ($2 AND r.role IS NOT NULL))
     ORDER BY r.role IS NOT NULL DESC, u.created_at LIMIT 1`,
    [email ?? defaultAdminEmail, email === undefined]
  )
  const row = rows.rows[0]
  if (row === undefined) return { found: "nobody" }
  return row.is_admin === true ? { found: "admin", email: row.email } : { found: "other" }
}

/**
 * Makes the baseline that an empty database lacks: settings, feature flags, an administrator, and samples to try the API with. Idempotent; what is there is
 * never changed. Two nodes that seed at once take turns. Runs as the owner of the schema, after `migrate`.
 */
export const seed = Effect.fn("Seed.seed")(function* (
  url: Redacted.Redacted,
  input: SeedInput
): Effect.fn.Return<SeedReport, SeedRefused | SeedFailed | DatabaseUnreachable> {
  const email = input.adminEmail?.trim().toLowerCase()
  const generated = input.adminPassword === undefined ? Redacted.make(randomBytes(15).toString("base64url")) : undefined
  const password = input.adminPassword ?? generated ?? Redacted.make("")
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const client = yield* pgConnection(url, "dropmate-seed")
      const step = <A>(run: () => Promise<A>) =>
        Effect.tryPromise({ try: run, catch: (error) => new SeedFailed({ message: databaseMessage(error) }) })
      yield* Effect.tryPromise({
        try: () => client.query("BEGIN; SELECT pg_advisory_xact_lock(hashtext('dropmate'), hashtext('seed'))"),
        catch: (error) => new DatabaseUnreachable({ address: databaseAddress(url), reason: databaseMessage(error) })
      })
      const made = yield* step(() => insertBaseline(client))
      const samplesMade = yield* step(() => insertSamples(client))
      const admin = yield* step(() => findAdmin(client, email))
      if (admin.found === "other") return yield* new SeedRefused({ email: email ?? defaultAdminEmail })
      const wantedEmail = email ?? defaultAdminEmail
      if (admin.found === "nobody") {
        const id = yield* newId
        const hash = yield* input.hashPassword(password)
        yield* step(() => insertAdmin(client, id, wantedEmail, hash))
      }
      yield* step(() => client.query("COMMIT"))
      return {
        adminEmail: admin.found === "admin" ? admin.email : wantedEmail,
        adminMade: admin.found === "nobody",
        generatedPassword: admin.found === "nobody" ? generated : undefined,
        settingsMade: made.settings,
        flagsMade: made.flags,
        samplesMade
      }
    })
  )
})
