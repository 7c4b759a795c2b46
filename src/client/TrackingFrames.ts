import type { Frame } from "../protocol/FrameCodec.ts"
import { isFields, textOr } from "./ServerFrames.ts"

/** A driver's place as a customer sees it. */
export interface TrackedPosition {
  /** When the driver's phone took it, Unix milliseconds. */
  readonly recordedAt: number
  /** Degrees. */
  readonly lat: number
  readonly lng: number
  readonly speedMps: number | undefined
  readonly headingDeg: number | undefined
}

/** Something that happened to the order. */
export interface TimelineEvent {
  readonly offset: number
  readonly type: string
  /** Unix milliseconds. */
  readonly occurredAt: number
  readonly data: Readonly<Record<string, unknown>>
}

/** When the parcel is expected, Unix milliseconds: as likely as not by `p50At`, nearly surely by `p90At`. */
export interface TrackedEta {
  readonly p50At: number
  readonly p90At: number
  /** Whether it was made from where the driver is, or is what was promised. */
  readonly source: "position" | "schedule"
}

/** The first name and vehicle of whoever brings the parcel. */
export interface TrackedDriver {
  readonly firstName: string
  readonly vehicle: { readonly type: string; readonly colour?: string; readonly plateHint?: string } | undefined
}

/** What is in the parcel, and the shop's number of the order. */
export interface TrackedContents {
  readonly number: string | undefined
  readonly items: ReadonlyArray<{ readonly name: string; readonly quantity: number }>
}

/** A tracked order as far as its stage shows it; what the stage does not show is undefined. */
export interface TrackedOrder {
  readonly orderId: string
  /** What was ordered; undefined when an older server does not tell. */
  readonly contents: TrackedContents | undefined
  readonly shipmentStatus: string | undefined
  readonly stage: string
  readonly stopsAhead: number | undefined
  /** Metres still to drive. */
  readonly remainingM: number | undefined
  readonly eta: TrackedEta | undefined
  readonly driver: TrackedDriver | undefined
  readonly position: TrackedPosition | undefined
  readonly destination: { readonly lat: number; readonly lng: number } | undefined
  /** What the customer tells the driver at the door; undefined when nobody will ask. */
  readonly deliveryPin: string | undefined
  readonly timeline: ReadonlyArray<TimelineEvent>
  /** When the link ends, Unix milliseconds. */
  readonly expiresAt: number | undefined
}

type Fields = Readonly<Record<string, unknown>>

const numberIf = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined)
const textIf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

/** Reads `[recordedAt, latE7, lngE7, speedCms, headingCdeg]`; undefined when time or place is missing. */
export const readPosition = (fields: ReadonlyArray<unknown>): TrackedPosition | undefined => {
  const [recordedAt, latE7, lngE7, speedCms, headingCdeg] = fields
  if (typeof recordedAt !== "number" || typeof latE7 !== "number" || typeof lngE7 !== "number") return undefined
  return {
    recordedAt,
    lat: latE7 / 1e7,
    lng: lngE7 / 1e7,
    speedMps: typeof speedCms === "number" ? speedCms / 100 : undefined,
    headingDeg: typeof headingCdeg === "number" ? headingCdeg / 100 : undefined
  }
}

/** Reads EVENT; undefined when it lacks its number. */
export const readTimelineEvent = (frame: Frame): TimelineEvent | undefined => {
  const [, offset, type, occurredAt, data] = frame
  if (typeof offset !== "number" || typeof type !== "string") return undefined
  return { offset, type, occurredAt: numberIf(occurredAt) ?? 0, data: isFields(data) ? data : {} }
}

const readTimeline = (value: unknown): ReadonlyArray<TimelineEvent> =>
  (Array.isArray(value) ? value : []).flatMap((entry: unknown) => {
    if (!isFields(entry)) return []
    const event = readTimelineEvent([0, entry.offset, entry.type, entry.occurred_at, entry.data])
    return event === undefined ? [] : [event]
  })

/** Reads `p50At, p90At` of ETA, or the same of `eta{}`. */
export const readEta = (p50At: unknown, p90At: unknown, source: TrackedEta["source"]): TrackedEta | undefined =>
  typeof p50At === "number" ? { p50At, p90At: numberIf(p90At) ?? p50At, source } : undefined

const readVehicle = (value: unknown): TrackedDriver["vehicle"] => {
  if (!isFields(value)) return undefined
  const colour = textIf(value.colour)
  const plateHint = textIf(value.plate_hint)
  return {
    type: textOr(value.type, ""),
    ...(colour === undefined ? {} : { colour }),
    ...(plateHint === undefined ? {} : { plateHint })
  }
}

const readContents = (value: unknown): TrackedContents | undefined => {
  if (!isFields(value)) return undefined
  const items = (Array.isArray(value.items) ? value.items : []).flatMap((item: unknown) =>
    isFields(item) && typeof item.name === "string" && typeof item.quantity === "number"
      ? [{ name: item.name, quantity: item.quantity }]
      : []
  )
  return { number: textIf(value.number), items }
}

const readDestination = (value: unknown): TrackedOrder["destination"] =>
  isFields(value) && typeof value.lat === "number" && typeof value.lng === "number"
    ? { lat: value.lat, lng: value.lng }
    : undefined

/** Reads `state{}`; undefined when it has no order or stage. */
export const readTrackedOrder = (value: unknown): TrackedOrder | undefined => {
  if (!isFields(value) || typeof value.order_id !== "string" || typeof value.stage !== "string") return undefined
  const eta: Fields = isFields(value.eta) ? value.eta : {}
  return {
    orderId: value.order_id,
    contents: readContents(value.order),
    shipmentStatus: textIf(value.shipment_status),
    stage: value.stage,
    stopsAhead: numberIf(value.stops_ahead),
    remainingM: undefined,
    eta: readEta(eta.p50_at, eta.p90_at, eta.source === "schedule" ? "schedule" : "position"),
    driver: isFields(value.driver)
      ? { firstName: textOr(value.driver.first_name, ""), vehicle: readVehicle(value.driver.vehicle) }
      : undefined,
    position: Array.isArray(value.position) ? readPosition(value.position) : undefined,
    destination: readDestination(value.destination),
    deliveryPin: textIf(value.delivery_pin),
    timeline: readTimeline(value.timeline),
    expiresAt: numberIf(value.expires_at)
  }
}
