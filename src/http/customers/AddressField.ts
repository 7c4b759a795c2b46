import { Schema } from "effect"
import type { AddressFields } from "../../persistence/customers/AddressRepo.ts"
import { textField } from "../Field.ts"
import { LatField, LngField } from "../orders/CommerceField.ts"

const CountryField = Schema.String.check(
  Schema.makeFilter((country: string) => /^[A-Z]{2}$/.test(country), {
    message: "is an ISO 3166-1 code of two capital letters",
    description: "is an ISO 3166-1 code of two capital letters"
  })
)

const optionalText = (lengthMax: number) => Schema.optionalKey(Schema.NullOr(textField(1, lengthMax)))

/** What a client says of an address. */
export const AddressInput = Schema.Struct({
  label: optionalText(60),
  line1: textField(1, 200),
  line2: optionalText(200),
  city: textField(1, 100),
  region: optionalText(100),
  postal_code: optionalText(20),
  country: CountryField,
  lat: LatField,
  lng: LngField,
  instructions: optionalText(500)
})

/** The same with every field optional, for a change. */
export const AddressChange = Schema.Struct({
  ...AddressInput.fields,
  line1: Schema.optionalKey(AddressInput.fields.line1),
  city: Schema.optionalKey(AddressInput.fields.city),
  country: Schema.optionalKey(AddressInput.fields.country),
  lat: Schema.optionalKey(AddressInput.fields.lat),
  lng: Schema.optionalKey(AddressInput.fields.lng)
})

/** The fields of an address with nothing left out. */
export const addressFields = (input: typeof AddressInput.Type): AddressFields => ({
  label: input.label ?? null,
  line1: input.line1,
  line2: input.line2 ?? null,
  city: input.city,
  region: input.region ?? null,
  postal_code: input.postal_code ?? null,
  country: input.country,
  lat: input.lat,
  lng: input.lng,
  instructions: input.instructions ?? null
})
