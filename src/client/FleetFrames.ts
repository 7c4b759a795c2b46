import type { Frame } from "../protocol/FrameCodec.ts"
import type { FleetEntry, FleetMove } from "./FleetRoster.ts"
import { isFields } from "./ServerFrames.ts"

/** Something that happened to an order or its shipment. */
export interface FleetEvent {
  readonly offset: number
  /** Undefined until the order is confirmed. */
  readonly shipmentId: string | undefined
  /** Undefined from a server that does not tell it yet. */
  readonly orderId: string | undefined
  readonly type: string
  /** Unix milliseconds. */
  readonly occurredAt: number
  readonly data: Readonly<Record<string, unknown>>
}

/** A snapshot of everybody in view. */
export interface FleetSnapshot {
  readonly epoch: string
  readonly offset: number
  /** Server clock, Unix milliseconds. */
  readonly at: number
  readonly drivers: ReadonlyArray<FleetEntry>
}

const numbers = (value: unknown): ReadonlyArray<number> | undefined =>
  Array.isArray(value) && value.every((item) => typeof item === "number") ? value : undefined

const texts = (value: unknown): ReadonlyArray<string> | undefined =>
  Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined

const headings = (value: unknown): ReadonlyArray<number | null> | undefined =>
  Array.isArray(value) && value.every((item) => item === null || typeof item === "number") ? value : undefined

/** The columns as they are; undefined when one is missing or they differ in length. */
const aligned = <Columns extends Readonly<Record<string, ReadonlyArray<unknown> | undefined>>>(
  columns: Columns
): { readonly [Name in keyof Columns]: Exclude<Columns[Name], undefined> } | undefined => {
  const lengths = new Set(Object.values(columns).map((column) => column?.length))
  if (lengths.size !== 1 || lengths.has(undefined)) return undefined
  return columns as { readonly [Name in keyof Columns]: Exclude<Columns[Name], undefined> }
}

/** Reads a list of handles; undefined when it is none. */
export const readHandles = numbers

/** Reads DRIVERS; undefined when it is not whole. */
export const readFleetDrivers = (
  frame: Frame
): ReadonlyArray<{ readonly handle: number; readonly id: string; readonly name: string }> | undefined => {
  const columns = aligned({ handles: numbers(frame[1]), ids: texts(frame[2]), names: texts(frame[3]) })
  return columns?.handles.map((handle, i) => ({ handle, id: columns.ids[i] ?? "", name: columns.names[i] ?? "" }))
}

/** Reads POSITIONS; undefined when it is not whole. */
export const readFleetPositions = (
  frame: Frame
): { readonly at: number; readonly moves: ReadonlyArray<FleetMove> } | undefined => {
  const at = frame[1]
  const columns = aligned({
    handles: numbers(frame[2]),
    latE7: numbers(frame[3]),
    lngE7: numbers(frame[4]),
    headingCdeg: headings(frame[5]),
    status: numbers(frame[6]),
    ageMs: numbers(frame[7])
  })
  if (typeof at !== "number" || columns === undefined) return undefined
  const moves = columns.handles.map((handle, i) => ({
    handle,
    latE7: columns.latE7[i] ?? 0,
    lngE7: columns.lngE7[i] ?? 0,
    headingCdeg: columns.headingCdeg[i] ?? null,
    status: columns.status[i] ?? 0,
    recordedAt: at - (columns.ageMs[i] ?? 0)
  }))
  return { at, moves }
}

/** Reads SNAPSHOT; undefined when it is not whole. */
export const readFleetSnapshot = (frame: Frame): FleetSnapshot | undefined => {
  const [, epoch, offset, at, drivers] = frame
  if (typeof epoch !== "string" || typeof offset !== "number" || typeof at !== "number" || !isFields(drivers))
    return undefined
  const columns = aligned({
    handles: numbers(drivers.handles),
    ids: texts(drivers.ids),
    names: texts(drivers.names),
    latE7: numbers(drivers.latE7),
    lngE7: numbers(drivers.lngE7),
    headingCdeg: headings(drivers.headingCdeg),
    status: numbers(drivers.status),
    recordedAt: numbers(drivers.recordedAt)
  })
  if (columns === undefined) return undefined
  const entries = columns.handles.map((handle, i) => ({
    handle,
    id: columns.ids[i] ?? "",
    name: columns.names[i] ?? "",
    latE7: columns.latE7[i] ?? 0,
    lngE7: columns.lngE7[i] ?? 0,
    headingCdeg: columns.headingCdeg[i] ?? null,
    status: columns.status[i] ?? 0,
    recordedAt: columns.recordedAt[i] ?? 0
  }))
  return { epoch, offset, at, drivers: entries }
}

/** Reads EVENT; undefined when it lacks its number. */
export const readFleetEvent = (frame: Frame): FleetEvent | undefined => {
  const [, offset, shipmentId, type, occurredAt, data, orderId] = frame
  if (typeof offset !== "number" || typeof type !== "string") return undefined
  return {
    offset,
    shipmentId: typeof shipmentId === "string" ? shipmentId : undefined,
    orderId: typeof orderId === "string" ? orderId : undefined,
    type,
    occurredAt: typeof occurredAt === "number" ? occurredAt : 0,
    data: isFields(data) ? data : {}
  }
}
