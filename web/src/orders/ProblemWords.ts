import { Problem } from "../../../src/client/Problem.ts"

const words: Readonly<Record<string, string>> = {
  illegal_transition: "It has moved on meanwhile. What can be done now is shown.",
  shipment_already_taken: "Another driver has it already.",
  shipment_busy: "Somebody else is changing it at this moment. Try again.",
  stale_fencing_token: "It was given to somebody else meanwhile.",
  stock_insufficient: "There is not enough in stock.",
  product_withdrawn: "A product of this order is not sold any more.",
  driver_suspended: "This driver is suspended and cannot be given anything.",
  payment_busy: "Something is under way for this payment. Try again in a moment.",
  message_id_taken: "This message was sent before with other words. Send it again.",
  external_id_taken: "You have an order with this number already.",
  not_found: "It does not exist any more.",
  not_permitted: "Your account may not do this.",
  idempotency_in_flight: "It is being done already. Look again in a moment.",
  database_unavailable: "The server's database is away. Nothing was changed; try again in a moment.",
  draining: "The server is being restarted. Try again in a moment.",
  no_driver_available: "No driver nearby has time now."
}

/** What went wrong, in words that help. */
export const problemWords = (cause: unknown): string => {
  if (!(cause instanceof Problem)) return "The server cannot be reached. Check the connection and try again."
  if (cause.code === "rate_limited")
    return `Too many requests. Try again in ${Math.max(1, Math.ceil(cause.retryAfterMs / 1_000))} s.`
  const [field] = cause.errors
  if (cause.code === "invalid_body" && field !== undefined)
    return `${field.pointer.split("/").at(-1)?.replaceAll("_", " ")} ${field.detail}.`
  return words[cause.code] ?? (cause.detail === "" ? "The server could not do this." : `${cause.detail}.`)
}

/** Whether the server may have done it although no answer came: a repetition has to carry the same key. */
export const isUndecided = (cause: unknown): boolean =>
  !(cause instanceof Problem) || cause.isRetryable || cause.code === "idempotency_in_flight"
