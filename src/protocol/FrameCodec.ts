import { Decoder, Encoder } from "@msgpack/msgpack"
import { scanFrame } from "./FrameScan.ts"

/** Why bytes are not a frame. */
export class MalformedFrame {
  readonly detail: string
  constructor(detail: string) {
    this.detail = detail
  }
}

/** A frame as decoded values: type first, then its fields. */
export type Frame = ReadonlyArray<unknown>

const decoder = new Decoder({ useBigInt64: false, maxExtLength: 64 })
const encoder = new Encoder({ ignoreUndefined: true })
const utf8 = new TextDecoder("utf-8", { fatal: true })

/**
 * Bytes of one MessagePack message to a frame. `depthMax` counts containers inside containers, the frame itself being 1.
 * The frame's size is bounded by the socket layer before this is called.
 */
export const decodeFrame = (bytes: Uint8Array, depthMax: number): Frame | MalformedFrame => {
  const unsound = scanFrame(bytes, depthMax)
  if (unsound !== undefined)
    return new MalformedFrame(unsound.startsWith("nested") ? unsound : `not MessagePack: ${unsound}`)
  let value: unknown
  try {
    value = decoder.decode(bytes)
  } catch (cause) {
    // The library reports by throwing what the scan does not look at: unsafe keys, broken UTF-8, long extensions.
    return new MalformedFrame(cause instanceof Error ? `not MessagePack: ${cause.message}` : "not MessagePack")
  }
  return asFrame(value, depthMax)
}

/** The same for a JSON text message (subprotocol `dropmate.json`). */
export const decodeJsonFrame = (bytes: Uint8Array, depthMax: number): Frame | MalformedFrame => {
  let value: unknown
  try {
    value = JSON.parse(utf8.decode(bytes))
  } catch {
    return new MalformedFrame("not JSON")
  }
  return asFrame(value, depthMax)
}

const asFrame = (value: unknown, depthMax: number): Frame | MalformedFrame => {
  if (!Array.isArray(value)) return new MalformedFrame("a frame is an array")
  if (typeof value[0] !== "number") return new MalformedFrame("a frame begins with its type")
  if (isDeeperThan(value, depthMax)) return new MalformedFrame(`nested deeper than ${depthMax}`)
  return value
}

/** Stops at the bound, so its own recursion is bounded too. */
const isDeeperThan = (value: unknown, depthMax: number): boolean => {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array || value instanceof Date) return false
  if (depthMax === 0) return true
  const children = Array.isArray(value) ? value : Object.values(value)
  for (const child of children) if (isDeeperThan(child, depthMax - 1)) return true
  return false
}

/** A frame to MessagePack bytes. Trailing nil fields are left out. The bytes are the caller's. */
export const encodeFrame = (frame: Frame): Uint8Array<ArrayBuffer> => encoder.encode(withoutTrailingNil(frame))

/** A frame to JSON text. */
export const encodeJsonFrame = (frame: Frame): string => JSON.stringify(withoutTrailingNil(frame))

const withoutTrailingNil = (frame: Frame): Frame => {
  let length = frame.length
  while (length > 1 && (frame[length - 1] === null || frame[length - 1] === undefined)) length--
  return length === frame.length ? frame : frame.slice(0, length)
}
