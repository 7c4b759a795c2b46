import { Schema, SchemaTransformation } from "effect"
import { HttpApiSchema } from "effect/http-api"
import type { SqlError } from "effect/sql"
import type {
  AddressUnknown,
  CommandRefused,
  DriverNotAssignable,
  ItemsRefused,
  TooManyOffers,
  TotalTooLarge
} from "../actors/CommandRefused.ts"
import type { AttachmentsUnknown, MessageIdTaken } from "../actors/messages/MessageRefused.ts"
import type {
  MethodUnavailable,
  PaymentBusy,
  PaymentTokenWrong,
  RefundCurrencyWrong,
  RefundTooLarge
} from "../actors/payments/PaymentRefused.ts"
import type { RunMoved, RunPartUnknown, StopOrderRefused } from "../actors/runs/RunRefused.ts"
import type { KeyInFlight, KeyReused } from "../actors/shipments/KeyedAnswers.ts"
import type { ShipmentUnavailable } from "../actors/shipments/ShipmentUnavailable.ts"
import { publicId } from "../domain/Ids.ts"
import type { SequenceFault } from "../domain/RunSequence.ts"
import type {
  AccountDisabled,
  CredentialsWrong,
  PasswordWrong,
  RefreshTokenInvalid,
  RefreshTokenReused
} from "../identity/Accounts.ts"
import type { StorageFailed } from "../persistence/files/FileStorage.ts"
import type { LastAdmin } from "../persistence/identity/UserRepo.ts"
import type { ProductWithdrawn, StockInsufficient } from "../persistence/orders/ProductRepo.ts"
import type { RowAbsent, RowChanged } from "../persistence/RowAbsent.ts"
import type { DriverHasRun } from "../persistence/runs/RunRepo.ts"
import type { ShipmentMoved } from "../persistence/shipments/ShipmentWrites.ts"
import type { ValueTaken } from "../persistence/ValueTaken.ts"
import { type FieldProblem, Problem } from "./Problem.ts"
import { problemCodes } from "./ProblemCode.ts"

/** Every expected failure that may reach an answer. A handler fails with the condition itself; the table below names its code. */
export type Refusal =
  | Problem
  | RowAbsent
  | RowChanged
  | ValueTaken
  | LastAdmin
  | CredentialsWrong
  | AccountDisabled
  | RefreshTokenInvalid
  | RefreshTokenReused
  | PasswordWrong
  | CommandRefused
  | DriverNotAssignable
  | TooManyOffers
  | ItemsRefused
  | TotalTooLarge
  | AddressUnknown
  | StockInsufficient
  | ProductWithdrawn
  | ShipmentMoved
  | ShipmentUnavailable
  | RunMoved
  | RunPartUnknown
  | StopOrderRefused
  | DriverHasRun
  | KeyInFlight
  | KeyReused
  | PaymentBusy
  | RefundTooLarge
  | RefundCurrencyWrong
  | MethodUnavailable
  | PaymentTokenWrong
  | StorageFailed
  | MessageIdTaken
  | AttachmentsUnknown
  | SqlError.SqlError

type ProblemOf = {
  readonly [Tag in Refusal["_tag"]]: (refusal: Extract<Refusal, { readonly _tag: Tag }>) => Problem | undefined
}

const awayReasons = new Set([
  "ConnectionError",
  "LockTimeoutError",
  "StatementTimeoutError",
  "DeadlockError",
  "SerializationError"
])

// 57P01 admin shutdown, 57P02 crash, 57P03 starting up, 53300 too many connections: all pass.
const awayMessages =
  /57P0[123]|53300|terminating connection|the database system is|connection (?:closed|terminated|ended)/i

const invalidField = (pointer: string, code: FieldProblem["code"], detail: string): Problem =>
  new Problem({ code: "invalid_body", errors: [{ pointer, code, detail }] })

const stopOrder = ({ rule, position, besidePosition }: SequenceFault): FieldProblem => {
  const beside = `/stop_ids/${besidePosition}`
  const at = (code: FieldProblem["code"], detail: string) => ({ pointer: `/stop_ids/${position}`, code, detail })
  switch (rule) {
    case "unknown_stop":
      return at("not_found", "names no stop of the run")
    case "repeated_stop":
      return at("invalid_value", `is the same as ${beside}`)
    case "missing_stop":
      return { pointer: "/stop_ids", code: "required", detail: "does not name every stop of the run" }
    case "over_after_open":
      return at("invalid_value", `is over, and comes after ${beside}, which is not`)
    case "dropoff_before_pickup":
      return at("invalid_value", `comes before its parcel's pickup, ${beside}`)
  }
}

const partField = { shipment: "/shipment_ids", vehicle: "/vehicle_id", stop: "/after_stop_id" } as const

const problemTable: ProblemOf = {
  Problem: (refusal) => refusal,
  RowAbsent: () => new Problem({ code: "not_found" }),
  RowChanged: (refusal) =>
    new Problem({
      code: "version_mismatch",
      detail: "If-Match names another version than the current one; read the resource again",
      headers: { etag: `"${refusal.actualVersion}"` }
    }),
  ValueTaken: (refusal) => new Problem({ code: `${refusal.field}_taken` }),
  LastAdmin: () => new Problem({ code: "last_admin" }),
  CredentialsWrong: () => new Problem({ code: "credentials_wrong" }),
  AccountDisabled: () => new Problem({ code: "account_disabled" }),
  RefreshTokenInvalid: () => new Problem({ code: "refresh_token_invalid" }),
  RefreshTokenReused: () => new Problem({ code: "refresh_token_reused" }),
  PasswordWrong: () => new Problem({ code: "password_wrong" }),
  CommandRefused: ({ code, detail, allowed }) => {
    if (code === "reason_required") return invalidField("/reason", "required", detail)
    const isAbsent = code === "assignment_not_found" || code === "offer_not_found"
    return new Problem({ code: isAbsent ? "not_found" : code, detail, allowed })
  },
  DriverNotAssignable: ({ reason, position }) =>
    reason === "suspended"
      ? new Problem({ code: "driver_suspended" })
      : invalidField(position === undefined ? "/driver_id" : `/driver_ids/${position}`, "not_found", "names no driver"),
  TooManyOffers: ({ driverId }) =>
    new Problem({
      code: "too_many_offers",
      detail: `${publicId("driver", driverId)} has not answered those that they have`
    }),
  ItemsRefused: ({ items }) =>
    new Problem({
      code: "invalid_body",
      errors: items.slice(0, 20).map(({ position, reason }) => ({
        pointer: `/items/${position}/product_id`,
        code: reason === "unknown" ? "not_found" : "invalid_value",
        detail: reason === "unknown" ? "names no product" : "is priced in another currency than the first item"
      }))
    }),
  TotalTooLarge: () => invalidField("/items", "invalid_value", "the total is beyond what an order may cost"),
  AddressUnknown: () => invalidField("/delivery_address_id", "not_found", "names no address of the customer"),
  ProductWithdrawn: ({ productId }) =>
    new Problem({ code: "product_withdrawn", detail: `${publicId("product", productId)} is not sold any more` }),
  StockInsufficient: ({ productId }) =>
    new Problem({ code: "stock_insufficient", detail: `not enough of ${publicId("product", productId)}` }),
  PaymentBusy: () => new Problem({ code: "payment_busy", retryAfterS: 1 }),
  RefundTooLarge: ({ left, currency }) =>
    new Problem({ code: "refund_too_large", detail: `at most ${left} of ${currency} can still go back` }),
  RefundCurrencyWrong: ({ currency }) =>
    invalidField("/amount/currency", "invalid_value", `is not the payment's, ${currency}`),
  MethodUnavailable: ({ detail }) => invalidField("/method", "invalid_value", detail),
  PaymentTokenWrong: ({ detail }) => invalidField("/token", "invalid_value", detail),
  MessageIdTaken: () => new Problem({ code: "message_id_taken" }),
  AttachmentsUnknown: ({ positions }) =>
    new Problem({
      code: "invalid_body",
      errors: positions.map((position) => ({
        pointer: `/attachments/${position}`,
        code: "not_found",
        detail: "names no whole upload of the caller"
      }))
    }),
  StorageFailed: () => new Problem({ code: "storage_unavailable" }),
  ShipmentMoved: () => new Problem({ code: "shipment_busy" }),
  ShipmentUnavailable: ({ retryAfterMs }) =>
    new Problem({
      code: "shipment_unavailable",
      retryAfterS: Math.max(1, Math.ceil(retryAfterMs / 1_000))
    }),
  RunMoved: () => new Problem({ code: "run_busy" }),
  RunPartUnknown: ({ part, position }) =>
    invalidField(
      position === undefined ? partField[part] : `${partField[part]}/${position}`,
      "not_found",
      part === "stop" ? "names no stop of the run" : `names no ${part}`
    ),
  StopOrderRefused: ({ fault }) => new Problem({ code: "stop_order_refused", errors: [stopOrder(fault)] }),
  DriverHasRun: () => new Problem({ code: "driver_has_run" }),
  KeyInFlight: () => new Problem({ code: "idempotency_in_flight", retryAfterS: 1 }),
  KeyReused: () => new Problem({ code: "idempotency_key_reused" }),
  SqlError: (refusal) =>
    awayReasons.has(refusal.reason._tag) ||
    awayMessages.test(`${refusal.reason.message} ${String(refusal.reason.cause)}`)
      ? new Problem({ code: "database_unavailable" })
      : undefined
}

/** Whether a failure is one that the table knows. */
export const isRefusal = (failure: unknown): failure is Refusal =>
  typeof failure === "object" &&
  failure !== null &&
  "_tag" in failure &&
  typeof failure._tag === "string" &&
  Object.hasOwn(problemTable, failure._tag)

/** The problem that a refusal is told as; undefined when it is a defect of ours (a statement that PostgreSQL cannot run). */
export const problemOf = (refusal: Refusal): Problem | undefined => {
  const judge = problemTable[refusal._tag] as (refusal: Refusal) => Problem | undefined
  return judge(refusal)
}

const ProblemSchema = Schema.Struct({
  type: Schema.String,
  title: Schema.String,
  status: Schema.Int,
  detail: Schema.optionalKey(Schema.String),
  instance: Schema.String,
  code: Schema.String,
  errors: Schema.optionalKey(
    Schema.Array(Schema.Struct({ pointer: Schema.String, code: Schema.String, detail: Schema.String }))
  ),
  allowed: Schema.optionalKey(Schema.Array(Schema.String)),
  retryable: Schema.Boolean,
  request_id: Schema.String
}).annotate({ identifier: "Problem" })

const codeOf = (text: string): Problem["code"] =>
  Object.hasOwn(problemCodes, text) ? (text as Problem["code"]) : "internal_error"

const refusalOf = SchemaTransformation.transform<Refusal, typeof ProblemSchema.Type>({
  decode: (body) =>
    new Problem({ code: codeOf(body.code), ...(body.detail === undefined ? {} : { detail: body.detail }) }),
  encode: (refusal) => {
    const problem = problemOf(refusal) ?? new Problem({ code: "internal_error" })
    const { status, title, retry } = problemCodes[problem.code]
    const type = `urn:dropmate:problem:${problem.code}`
    return { type, title, status, instance: "", code: problem.code, retryable: retry !== "never", request_id: "" }
  }
})

const refusalSchema = (status: number) =>
  ProblemSchema.pipe(
    Schema.decodeTo(Schema.declare(isRefusal), refusalOf),
    HttpApiSchema.asJson({ contentType: "application/problem+json" }),
    HttpApiSchema.status(status)
  )

/** One schema for each status of the table: what OpenAPI lists and a derived client decodes. */
export const refusalSchemas = [...new Set(Object.values(problemCodes).map((meaning) => meaning.status))].map(
  refusalSchema
)
