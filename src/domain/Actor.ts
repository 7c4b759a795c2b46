/** Who may be behind a change. `dispatcher` and `admin` are staff; `system` is the server itself. */
export const actorKinds = ["customer", "driver", "dispatcher", "admin", "system"] as const

/** One of the kinds. */
export type ActorKind = (typeof actorKinds)[number]

/** Who is behind a change. `id` is the driver's for a driver, else the user's; the system has none. Bare UUIDs. */
export interface Actor {
  readonly kind: ActorKind
  readonly id: string | undefined
}

/** What the server does for itself. */
export const systemActor: Actor = { kind: "system", id: undefined }

/** Whether an actor works for the fleet. */
export const isStaff = (kind: ActorKind): boolean => kind === "dispatcher" || kind === "admin" || kind === "system"
