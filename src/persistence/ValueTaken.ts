import { Effect, Schema } from "effect"
import type { SqlError } from "effect/sql"

/** Another row has this value already, and only one may. Retry: with another value. */
export class ValueTaken extends Schema.TaggedError<ValueTaken>()("ValueTaken", {
  /** The field as the API names it. */
  field: Schema.Literals(["email", "phone", "plate", "external_id"])
}) {}

const fieldOfIndex: Readonly<Record<string, "email" | "phone" | "plate" | "external_id">> = {
  users_email_key: "email",
  users_phone_key: "phone",
  vehicles_plate_key: "plate",
  orders_external_id_key: "external_id"
}

/** Turns the violation of a unique index that a client can cause into ValueTaken; other errors pass. */
export const orValueTaken = <A, E, R>(
  effect: Effect.Effect<A, E | SqlError.SqlError, R>
): Effect.Effect<A, E | SqlError.SqlError | ValueTaken, R> =>
  Effect.mapError(effect, (error) => {
    const field = takenField(error)
    return field === undefined ? error : new ValueTaken({ field })
  })

const takenField = (error: unknown): "email" | "phone" | "plate" | "external_id" | undefined => {
  if (typeof error !== "object" || error === null || !("reason" in error)) return undefined
  const reason = error.reason
  if (typeof reason !== "object" || reason === null || !("_tag" in reason) || reason._tag !== "UniqueViolation")
    return undefined
  return "constraint" in reason && typeof reason.constraint === "string" ? fieldOfIndex[reason.constraint] : undefined
}
