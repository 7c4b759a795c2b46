import type { FieldProblem } from "../../../src/client/Problem.ts"
import { timeOfLocal } from "./LocalTime.ts"

/** What the form for a new order holds, as it was typed. */
export interface OrderDraft {
  readonly lines: ReadonlyArray<{ readonly id: number; readonly productId: string; readonly quantity: string }>
  readonly name: string
  readonly phone: string
  readonly line1: string
  readonly city: string
  readonly country: string
  readonly lat: string
  readonly lng: string
  readonly pickupLine1: string
  readonly pickupLat: string
  readonly pickupLng: string
  readonly start: string
  readonly end: string
  readonly externalId: string
  readonly notes: string
}

/** An empty form. */
export const emptyDraft: OrderDraft = {
  lines: [{ id: 0, productId: "", quantity: "1" }],
  name: "",
  phone: "",
  line1: "",
  city: "",
  country: "",
  lat: "",
  lng: "",
  pickupLine1: "",
  pickupLat: "",
  pickupLng: "",
  start: "",
  end: "",
  externalId: "",
  notes: ""
}

/** What is wrong with the form, by the name of its field. */
export type DraftFaults = Readonly<Record<string, string>>

const coordinate = (text: string, limit: number): number | undefined => {
  const value = Number(text.trim().replace(",", "."))
  return text.trim() === "" || !Number.isFinite(value) || Math.abs(value) > limit ? undefined : value
}

/** A place as the form has it; undefined while it is not whole. */
export const placeOf = (lat: string, lng: string): { readonly lat: number; readonly lng: number } | undefined => {
  const [north, east] = [coordinate(lat, 90), coordinate(lng, 180)]
  return north === undefined || east === undefined ? undefined : { lat: north, lng: east }
}

const hasPickup = ({ pickupLat, pickupLng, pickupLine1 }: OrderDraft): boolean =>
  `${pickupLat}${pickupLng}${pickupLine1}`.trim() !== ""

/** What keeps the form from being sent. */
export const faultsOf = (draft: OrderDraft): DraftFaults => {
  const faults: Record<string, string> = {}
  if (draft.lines.some(({ productId }) => productId === "")) faults.items = "Choose a product."
  else if (draft.lines.some(({ quantity }) => !/^[1-9]\d{0,3}$/.test(quantity.trim())))
    faults.items = "A quantity is a whole number from 1."
  if (draft.name.trim() === "") faults.name = "Who is it for?"
  if (draft.line1.trim() === "") faults.line1 = "Street and number are missing."
  if (draft.city.trim() === "") faults.city = "The city is missing."
  if (!/^[A-Za-z]{2}$/.test(draft.country.trim())) faults.country = "Two letters, such as AT."
  if (placeOf(draft.lat, draft.lng) === undefined) faults.place = "Click the map, or type latitude and longitude."
  if (hasPickup(draft) && placeOf(draft.pickupLat, draft.pickupLng) === undefined)
    faults.pickup = "Click the map, or type latitude and longitude, or leave all of the pickup empty."
  const [start, end] = [timeOfLocal(draft.start), timeOfLocal(draft.end)]
  if ((start === undefined) !== (end === undefined)) faults.window = "A window has a beginning and an end."
  else if (start !== undefined && end !== undefined && start >= end)
    faults.window = "The window has to begin before it ends."
  return faults
}

const given = (name: string, text: string): Readonly<Record<string, string>> =>
  text.trim() === "" ? {} : { [name]: text.trim() }

/** The body of `POST /v1/orders` for a form without faults. */
export const orderBody = (draft: OrderDraft): unknown => {
  const [start, end] = [timeOfLocal(draft.start), timeOfLocal(draft.end)]
  return {
    items: draft.lines.map(({ productId, quantity }) => ({ product_id: productId, quantity: Number(quantity) })),
    delivery_address: {
      line1: draft.line1.trim(),
      city: draft.city.trim(),
      country: draft.country.trim().toUpperCase(),
      ...placeOf(draft.lat, draft.lng)
    },
    contact: { name: draft.name.trim(), ...given("phone", draft.phone) },
    ...(hasPickup(draft)
      ? { pickup: { ...given("line1", draft.pickupLine1), ...placeOf(draft.pickupLat, draft.pickupLng) } }
      : {}),
    ...(start === undefined || end === undefined ? {} : { window: { start, end } }),
    ...given("external_id", draft.externalId),
    ...given("notes", draft.notes),
    channel: "web",
    submit: true
  }
}

const fieldOfPointer: ReadonlyArray<readonly [RegExp, string]> = [
  [/^\/items/, "items"],
  [/^\/contact\/phone/, "phone"],
  [/^\/contact/, "name"],
  [/^\/delivery_address\/line1/, "line1"],
  [/^\/delivery_address\/city/, "city"],
  [/^\/delivery_address\/country/, "country"],
  [/^\/delivery_address/, "place"],
  [/^\/pickup/, "pickup"],
  [/^\/window/, "window"],
  [/^\/external_id/, "externalId"],
  [/^\/notes/, "notes"]
]

/** What the server says of the form's fields. */
export const faultsOfServer = (errors: ReadonlyArray<FieldProblem>): DraftFaults =>
  Object.fromEntries(
    errors.flatMap(({ pointer, detail }) => {
      const field = fieldOfPointer.find(([pattern]) => pattern.test(pointer))?.[1]
      return field === undefined ? [] : [[field, `This ${detail}.`]]
    })
  )
