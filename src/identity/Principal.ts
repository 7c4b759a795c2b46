/** What a user may be granted. `dispatcher` and `support` exist only as grants, never as a user's primary role. */
export const roles = ["customer", "driver", "dispatcher", "admin", "support"] as const

/** One of the granted roles (`user_roles.role`). */
export type Role = (typeof roles)[number]

/** Whether a text names a role. */
export const isRole = (text: unknown): text is Role => roles.some((role) => role === text)

/** Who sends a request or holds a socket, as their access token says. Ids are bare UUIDs. */
export interface Principal {
  readonly userId: string
  /** The row of `auth_sessions` that the token came from; revoking it ends the token. */
  readonly sessionId: string
  readonly roles: ReadonlySet<Role>
  readonly driverId?: string
  readonly customerId?: string
  readonly issuedAtMs: number
  readonly expiresAtMs: number
}

/** What a principal must be allowed to do; each endpoint names one. */
export type Permission =
  | "me.use"
  | "drivers.read"
  | "drivers.write"
  | "driver_locations.read"
  | "driver_tokens.issue"
  | "vehicles.read"
  | "vehicles.write"
  | "users.read"
  | "users.write"
  | "customers.own"
  | "customers.read"
  | "products.read"
  | "products.write"
  | "orders.use"
  | "orders.read"
  | "orders.confirm"
  | "payments.manage"
  | "shipments.read"
  | "shipments.write"
  | "events.read"
  | "runs.read"
  | "runs.write"

// `me.use` is everybody's: it reaches only what is one's own. `orders.use` lets in whoever may have orders at all; without
// `orders.read` beside it, only their own are known to them. `customers.own` is for whoever is a customer.
const permissionsOf: Readonly<Record<Role, ReadonlyArray<Permission>>> = {
  customer: ["customers.own", "products.read", "orders.use"],
  driver: ["products.read"],
  support: [
    "drivers.read",
    "driver_locations.read",
    "vehicles.read",
    "users.read",
    "customers.read",
    "products.read",
    "orders.use",
    "orders.read",
    "shipments.read",
    "events.read",
    "runs.read"
  ],
  dispatcher: [
    "drivers.read",
    "drivers.write",
    "driver_locations.read",
    "vehicles.read",
    "vehicles.write",
    "customers.read",
    "products.read",
    "orders.use",
    "orders.read",
    "orders.confirm",
    "payments.manage",
    "shipments.read",
    "shipments.write",
    "events.read",
    "runs.read",
    "runs.write"
  ],
  admin: [
    "drivers.read",
    "drivers.write",
    "driver_locations.read",
    "driver_tokens.issue",
    "vehicles.read",
    "vehicles.write",
    "users.read",
    "users.write",
    "customers.read",
    "products.read",
    "products.write",
    "orders.use",
    "orders.read",
    "orders.confirm",
    "payments.manage",
    "shipments.read",
    "shipments.write",
    "events.read",
    "runs.read",
    "runs.write"
  ]
}

/** Whether one of the principal's roles carries the permission. */
export const isPermitted = (principal: Principal, permission: Permission): boolean => {
  if (permission === "me.use") return true
  for (const role of principal.roles) if (permissionsOf[role].includes(permission)) return true
  return false
}

/** Whether the principal is this very driver. */
export const isDriver = (principal: Principal, driverId: string): boolean =>
  principal.roles.has("driver") && principal.driverId === driverId
