/** When the same request may succeed: at once again, after a while, or never as it is. */
export type Retry = "now" | "later" | "never"

/** What a code means to a client. */
export interface ProblemMeaning {
  readonly status: number
  readonly title: string
  readonly retry: Retry
}

/**
 * Every code that REST answers with, its status, its title and whether to try again. The one table: the answers, OpenAPI and
 * docs/ERRORS.md are made from it.
 */
export const problemCodes = {
  malformed_json: { status: 400, title: "The body is not JSON", retry: "never" },
  invalid_query: { status: 400, title: "A query parameter is not valid", retry: "never" },
  invalid_header: { status: 400, title: "A header is not valid", retry: "never" },
  invalid_cursor: { status: 400, title: "The cursor is not one of this list", retry: "never" },
  invalid_idempotency_key: { status: 400, title: "The Idempotency-Key is not valid", retry: "never" },
  webhook_signature_invalid: { status: 400, title: "The webhook's signature is not valid", retry: "never" },
  token_missing: { status: 401, title: "An access token is required", retry: "never" },
  token_invalid: { status: 401, title: "The access token is not valid", retry: "never" },
  token_expired: { status: 401, title: "The access token has expired", retry: "never" },
  link_expired: { status: 410, title: "The download link has expired", retry: "never" },
  tracking_finished: { status: 410, title: "The tracked delivery is over", retry: "never" },
  tracking_expired: { status: 410, title: "This tracking link has expired", retry: "never" },
  tracking_revoked: { status: 410, title: "This tracking link was revoked", retry: "never" },
  events_trimmed: { status: 410, title: "The event log no longer goes back to this cursor", retry: "never" },
  event_cursor_unknown: { status: 410, title: "The event log does not know this cursor", retry: "never" },
  credentials_wrong: { status: 401, title: "E-mail or password is wrong", retry: "never" },
  refresh_token_invalid: { status: 401, title: "The refresh token is not valid", retry: "never" },
  refresh_token_reused: {
    status: 401,
    title: "The refresh token was used before; its session is revoked",
    retry: "never"
  },
  link_invalid: { status: 403, title: "The download link is not valid", retry: "never" },
  not_permitted: { status: 403, title: "The caller's roles do not allow this", retry: "never" },
  account_disabled: { status: 403, title: "The account is disabled", retry: "never" },
  not_found: { status: 404, title: "There is no such resource", retry: "never" },
  route_not_found: { status: 404, title: "There is no such route", retry: "never" },
  location_unknown: { status: 404, title: "The driver has not reported a location", retry: "later" },
  method_not_allowed: { status: 405, title: "The route does not know this method", retry: "never" },
  not_acceptable: { status: 406, title: "None of the accepted media types is available", retry: "never" },
  email_taken: { status: 409, title: "The e-mail address is in use", retry: "never" },
  phone_taken: { status: 409, title: "The phone number is in use", retry: "never" },
  plate_taken: { status: 409, title: "The plate is in use", retry: "never" },
  external_id_taken: { status: 409, title: "The external id is in use", retry: "never" },
  illegal_transition: { status: 409, title: "The state does not allow this", retry: "never" },
  shipment_already_taken: { status: 409, title: "Another driver has the shipment", retry: "never" },
  offer_expired: { status: 409, title: "The offer is over", retry: "never" },
  offer_withdrawn: { status: 409, title: "The offer was withdrawn", retry: "never" },
  driver_not_available: { status: 409, title: "The named driver cannot take it", retry: "never" },
  no_driver_available: { status: 409, title: "No driver is available", retry: "later" },
  too_many_offers: { status: 409, title: "The driver has as many open offers as they may have", retry: "later" },
  shipment_in_run: { status: 409, title: "The shipment is in another run", retry: "never" },
  not_a_break: { status: 409, title: "The stop is no break", retry: "never" },
  break_over: { status: 409, title: "The break is not to come any more", retry: "never" },
  shipment_over: { status: 409, title: "Nothing of the shipment is left to make", retry: "never" },
  run_without_driver: { status: 409, title: "The run has no driver", retry: "never" },
  run_empty: { status: 409, title: "No stop of the run is left to make", retry: "never" },
  run_not_given: { status: 409, title: "The run's driver does not have all of its shipments", retry: "never" },
  run_unfinished: { status: 409, title: "The run has parcels that are not over", retry: "later" },
  run_too_long: { status: 409, title: "The run has as many stops as it may have", retry: "never" },
  run_busy: { status: 409, title: "Others are changing the run", retry: "now" },
  driver_has_run: { status: 409, title: "The driver is on another run", retry: "later" },
  stop_order_refused: { status: 409, title: "The stops cannot be made in this order", retry: "never" },
  shipment_busy: { status: 409, title: "Others are changing the shipment", retry: "now" },
  stale_fencing_token: { status: 409, title: "The assignment is not the current one", retry: "never" },
  stock_insufficient: { status: 409, title: "There is not enough in stock", retry: "later" },
  product_withdrawn: { status: 409, title: "A product of the order is not sold any more", retry: "never" },
  payment_busy: { status: 409, title: "Something is under way for the payment", retry: "later" },
  refund_too_large: { status: 409, title: "More would go back than was settled", retry: "never" },
  too_many_addresses: { status: 409, title: "The customer has as many addresses as they may have", retry: "never" },
  too_many_tracking_sessions: {
    status: 409,
    title: "The order has as many tracking links as it may have",
    retry: "later"
  },
  proof_required: { status: 409, title: "The delivery needs proofs", retry: "never" },
  proof_invalid: { status: 409, title: "A proof of the delivery is wrong", retry: "never" },
  proof_locked: { status: 409, title: "The delivery PIN was given wrongly too often", retry: "never" },
  upload_offset_differs: { status: 409, title: "The upload stands at another offset", retry: "now" },
  message_id_taken: { status: 409, title: "The message id was used for another message", retry: "never" },
  file_unfinished: { status: 409, title: "The file is not uploaded yet", retry: "later" },
  last_admin: { status: 409, title: "The last administrator cannot be removed", retry: "never" },
  driver_suspended: { status: 409, title: "The driver is suspended", retry: "never" },
  idempotency_in_flight: { status: 409, title: "A request with this Idempotency-Key is under way", retry: "later" },
  version_mismatch: { status: 412, title: "The resource has changed since", retry: "never" },
  body_too_large: { status: 413, title: "The body is too large", retry: "never" },
  unsupported_media_type: { status: 415, title: "The body's media type is not supported", retry: "never" },
  stripe_not_configured: { status: 421, title: "This server takes no webhooks of Stripe", retry: "never" },
  range_not_satisfiable: { status: 416, title: "The file has no such bytes", retry: "never" },
  not_served_here: { status: 421, title: "This node does not serve that; ask another one", retry: "never" },
  invalid_body: { status: 422, title: "The body is not valid", retry: "never" },
  idempotency_key_reused: { status: 422, title: "The Idempotency-Key was used for another request", retry: "never" },
  checksum_mismatch: { status: 422, title: "What was uploaded is not what was announced", retry: "now" },
  part_too_small: { status: 422, title: "The part of the upload is too small", retry: "never" },
  password_wrong: { status: 422, title: "The current password is wrong", retry: "never" },
  rate_limited: { status: 429, title: "Too many requests", retry: "later" },
  internal_error: { status: 500, title: "Something went wrong on our side", retry: "later" },
  shipment_unavailable: { status: 503, title: "The shipment takes no commands at this moment", retry: "later" },
  database_unavailable: { status: 503, title: "The database is unavailable", retry: "later" },
  storage_unavailable: { status: 503, title: "The file storage is unavailable", retry: "later" },
  draining: { status: 503, title: "The server is shutting down", retry: "later" }
} as const satisfies Record<string, ProblemMeaning>

/** One of the codes. */
export type ProblemCode = keyof typeof problemCodes

/** What went wrong with one field of a request. */
export const fieldProblemCodes = {
  required: "the field is missing",
  unknown_field: "the request has no such field",
  wrong_type: "the value has another type",
  invalid_value: "the value is outside what is allowed",
  not_found: "the value names nothing that exists"
} as const

/** One of the codes in `errors[]`. */
export type FieldProblemCode = keyof typeof fieldProblemCodes
