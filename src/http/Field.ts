import { Effect, Schema, SchemaIssue, SchemaTransformation } from "effect"
import { HttpApiSchema } from "effect/http-api"
import { defaultLimits } from "../config/Limits.ts"
import { bareId, type IdKind, idPrefix, publicId } from "../domain/Ids.ts"

const invalid = (message: string) => Effect.fail(new SchemaIssue.InvalidValue({ message }))

/** A public id of one kind on the wire, the bare UUID inside. */
export const idField = (kind: IdKind) =>
  Schema.String.annotate({ description: `${idPrefix[kind]}_ and a UUID` }).pipe(
    Schema.decodeTo(
      Schema.String,
      SchemaTransformation.transformEffect({
        decode: (id: string) => {
          const uuid = bareId(kind, id)
          return uuid === undefined
            ? invalid(`is not an id of the form ${idPrefix[kind]}_<uuid>`)
            : Effect.succeed(uuid)
        },
        encode: (uuid: string) => Effect.succeed(publicId(kind, uuid))
      })
    )
  )

// RFC 3339, section 5.6. Date.parse alone would take "2026" and "1 May" as well, and the 30th of February as the 2nd of March.
const timePattern = /^(\d{4}-\d{2}-\d{2})[Tt](?!24)\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/
// What four digits can say: an offset must not carry a time out of them, since it would be shown in another form.
const timeMsMin = Date.parse("0001-01-01T00:00:00Z")
const timeMsMax = Date.parse("9999-12-31T23:59:59.999Z")

const timeMs = (text: string): number => {
  const day = timePattern.exec(text)?.[1]
  const dayStartMs = day === undefined ? Number.NaN : Date.parse(`${day}T00:00:00Z`)
  if (Number.isNaN(dayStartMs) || new Date(dayStartMs).toISOString().slice(0, 10) !== day) return Number.NaN
  const ms = Date.parse(text)
  return ms >= timeMsMin && ms <= timeMsMax ? ms : Number.NaN
}

/** RFC 3339 with milliseconds and Z on the wire (any offset is read), a Date inside. */
export const TimeField = Schema.String.annotate({ format: "date-time" }).pipe(
  Schema.decodeTo(
    Schema.Date,
    SchemaTransformation.transformEffect({
      decode: (text: string) => {
        const ms = timeMs(text)
        return Number.isNaN(ms)
          ? invalid("is not an RFC 3339 time such as 2026-05-01T08:30:00.000Z")
          : Effect.succeed(new Date(ms))
      },
      encode: (time: Date) => Effect.succeed(time.toISOString())
    })
  )
)

const says = (message: string) => ({ message, description: message })

// PostgreSQL stores neither; half a pair would come back as another character, and break JSON documents.
const isStorable = (value: string): boolean => !value.includes("\0") && value.isWellFormed()

const text = (lengthMin: number, lengthMax: number) =>
  Schema.String.check(
    Schema.makeFilter(
      (value: string) => value.trim().length >= lengthMin && value.length <= lengthMax,
      says(`has ${lengthMin} to ${lengthMax} characters`)
    ),
    Schema.makeFilter(isStorable, says("has no character NUL and no half of a surrogate pair"))
  ).annotate({ minLength: lengthMin, maxLength: lengthMax })

/** A text of bounded length that PostgreSQL can store: without NUL, and well-formed. */
export const textField = text

/** A person's name. */
export const NameField = text(1, 200)

// Deliberately loose: one @, no spaces, a dot in the domain's inside or a bare host. The mailbox itself is the proof.
const emailPattern = /^[^\s@\0]+@[^\s@\0]+$/

/** An e-mail address, lower-cased. */
export const EmailField = Schema.String.pipe(
  Schema.decodeTo(
    Schema.String,
    SchemaTransformation.transformEffect({
      decode: (value: string) => {
        const email = value.trim().toLowerCase()
        return email.length <= 320 && emailPattern.test(email) && email.isWellFormed()
          ? Effect.succeed(email)
          : invalid("is not an e-mail address")
      },
      encode: (email: string) => Effect.succeed(email)
    })
  )
)

/** A phone number in digits, with an optional + and separators. */
export const PhoneField = Schema.String.check(
  Schema.makeFilter((value: string) => /^\+?[0-9][0-9 ()./-]{3,30}$/.test(value), says("is not a phone number"))
)

/** A new password. Its length is counted in bytes of UTF-8, as argon2 is fed. */
export const NewPasswordField = Schema.String.check(
  Schema.makeFilter(
    (value: string) => {
      const bytes = new TextEncoder().encode(value).length
      return bytes >= defaultLimits.passwordBytesMin && bytes <= defaultLimits.passwordBytesMax
    },
    says(`has ${defaultLimits.passwordBytesMin} to ${defaultLimits.passwordBytesMax} bytes`)
  )
)

/** A password that is only compared; bounded, so that a long one costs nothing. */
export const PasswordField = Schema.String.check(
  Schema.makeFilter(
    (value: string) => value.length <= defaultLimits.passwordBytesMax,
    says(`has at most ${defaultLimits.passwordBytesMax} characters`)
  )
)

/** A whole number within bounds. */
export const intField = (minimum: number, maximum: number) =>
  Schema.Int.check(Schema.isBetween({ minimum, maximum }, says(`is a whole number from ${minimum} to ${maximum}`)))

/** A number within bounds. */
export const numberField = (minimum: number, maximum: number) =>
  Schema.Finite.check(Schema.isBetween({ minimum, maximum }, says(`is a number from ${minimum} to ${maximum}`)))

// JSON.stringify writes NUL and half a surrogate pair as escapes, and a backslash of the text as two.
const unstorableJson = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/

/** A JSON object that the product stores and does not interpret; bounded so that rows stay small. */
export const objectField = (bytesMax: number) =>
  Schema.Record(Schema.String, Schema.Json).check(
    Schema.makeFilter(
      (value) => {
        return JSON.stringify(value).length <= bytesMax
      },
      says(`is an object of at most ${bytesMax} bytes of JSON`)
    ),
    Schema.makeFilter(
      (value) => !unstorableJson.test(JSON.stringify(value)),
      says("has no character NUL and no half of a surrogate pair")
    )
  )

/** The body of a list. */
export const pageOf = <S extends Schema.Top>(item: S) =>
  Schema.Struct({ data: Schema.Array(item), next_cursor: Schema.NullOr(Schema.String), has_more: Schema.Boolean })

/** Query parameters of every list. */
export const pageQuery = {
  limit: Schema.optionalKey(intField(1, defaultLimits.listLimitMax)),
  cursor: Schema.optionalKey(Schema.String)
}

/** A success of one mutable resource, with the version that If-Match takes. */
export const withETag = <S extends Schema.Top>(resource: S) =>
  HttpApiSchema.WithHeaders(resource, { etag: Schema.String })

/** The header of a conditional change. */
export const ifMatchHeader = { "if-match": Schema.optionalKey(Schema.String) }

/** The header that makes a repeated POST safe. */
export const idempotencyHeader = { "idempotency-key": Schema.optionalKey(Schema.String) }

/** The body of a POST that says nothing but that it is sent. `Struct({})` would take any member. */
export const emptyPayload = [Schema.Record(Schema.String, Schema.Never), Schema.Null] as const
