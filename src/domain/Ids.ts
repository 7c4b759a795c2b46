/**
 * Ids are UUIDv7: a bare UUID in the database, and the same with a prefix that names the kind on the API and in frames.
 */
export const idPrefix = {
  user: "usr",
  customer: "cus",
  driver: "drv",
  vehicle: "veh",
  device: "dev",
  session: "ses",
  authSession: "aus",
  address: "adr",
  product: "prd",
  order: "ord",
  payment: "pay",
  refund: "rfd",
  shipment: "shp",
  assignment: "asg",
  offer: "ofr",
  run: "run",
  stop: "stp",
  trackingSession: "trk",
  event: "evt",
  file: "fil",
  proof: "prf",
  thread: "thr",
  message: "msg"
} as const

export type IdKind = keyof typeof idPrefix

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Whether a text is a UUID in the canonical lower-case form. */
export const isUuid = (text: string): boolean => uuidPattern.test(text)

/** `drv_<uuid>` for a bare UUID. */
export const publicId = (kind: IdKind, uuid: string): string => `${idPrefix[kind]}_${uuid}`

/** The bare UUID of a public id; undefined if it is not one of that kind. */
export const bareId = (kind: IdKind, id: string): string | undefined => {
  const prefix = `${idPrefix[kind]}_`
  if (!id.startsWith(prefix)) return undefined
  const uuid = id.slice(prefix.length)
  return isUuid(uuid) ? uuid : undefined
}

/**
 * UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then 74 random bits. Rising by time, so that new rows land at
 * the right edge of their index. `random` holds at least 10 bytes.
 */
export const uuidV7 = (unixMs: number, random: Uint8Array): string => {
  const time = unixMs.toString(16).padStart(12, "0")
  const hex = Array.from(random.subarray(0, 10), (byte) => byte.toString(16).padStart(2, "0")).join("")
  const variant = ((Number.parseInt(hex.slice(3, 4), 16) & 0x3) | 0x8).toString(16)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`
}

const nibble = (code: number): number => (code < 58 ? code - 48 : (code | 32) - 87)

/** Writes the 16 bytes of a UUID at `at`, without making anything of them in between. */
export const putUuid = (bytes: Uint8Array, at: number, uuid: string): void => {
  let from = 0
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) from++
    bytes[at + i] = (nibble(uuid.charCodeAt(from)) << 4) | nibble(uuid.charCodeAt(from + 1))
    from += 2
  }
}

/** The 16 bytes of a UUID, as PostgreSQL's binary formats carry it. */
export const uuidBytes = (uuid: string): Uint8Array => {
  const bytes = new Uint8Array(16)
  putUuid(bytes, 0, uuid)
  return bytes
}

const byteText = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

/** The UUID whose 16 bytes begin at `at`: the reverse of `uuidBytes`. */
export const uuidText = (bytes: Uint8Array, at = 0): string => {
  let text = ""
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += "-"
    text += byteText[bytes[at + i] as number]
  }
  return text
}
