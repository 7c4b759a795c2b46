/** A source of choices: a float in [0, 1). */
export type Random = () => number

/** mulberry32: small, seedable, good enough to choose encodings. */
export const seeded = (seed: number): Random => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The seed of this run: PROMISE_SEED, else the time. Tests print it. */
export const runSeed = (): number => Number(process.env.PROMISE_SEED ?? Date.now() % 2 ** 31)

type Write = (view: DataView) => void
const part = (head: number, size: number, write: Write): Uint8Array => {
  const bytes = new Uint8Array(1 + size)
  bytes[0] = head
  write(new DataView(bytes.buffer, 1))
  return bytes
}

/** Every MessagePack encoding that says exactly this number. */
export const numberEncodings = (value: number): ReadonlyArray<Uint8Array> => {
  const found: Array<Uint8Array> = [part(0xcb, 8, (view) => view.setFloat64(0, value))]
  if (Object.is(Math.fround(value), value)) found.push(part(0xca, 4, (view) => view.setFloat32(0, value)))
  if (!Number.isSafeInteger(value)) return found
  if (value >= 0 && value < 0x80) found.push(Uint8Array.of(value))
  if (value < 0 && value >= -32) found.push(Uint8Array.of(value & 0xff))
  if (value >= 0 && value <= 0xff) found.push(part(0xcc, 1, (view) => view.setUint8(0, value)))
  if (value >= 0 && value <= 0xffff) found.push(part(0xcd, 2, (view) => view.setUint16(0, value)))
  if (value >= 0 && value <= 0xffff_ffff) found.push(part(0xce, 4, (view) => view.setUint32(0, value)))
  if (value >= 0) found.push(part(0xcf, 8, (view) => view.setBigUint64(0, BigInt(value))))
  if (value >= -0x80 && value < 0x80) found.push(part(0xd0, 1, (view) => view.setInt8(0, value)))
  if (value >= -0x8000 && value < 0x8000) found.push(part(0xd1, 2, (view) => view.setInt16(0, value)))
  if (value >= -0x8000_0000 && value < 0x8000_0000) found.push(part(0xd2, 4, (view) => view.setInt32(0, value)))
  found.push(part(0xd3, 8, (view) => view.setBigInt64(0, BigInt(value))))
  return found
}

const pick = <A>(choices: ReadonlyArray<A>, random: Random): A => choices[Math.floor(random() * choices.length)] as A

const lengthHead = (
  length: number,
  fix: number,
  fixMax: number,
  heads: ReadonlyArray<readonly [number, number]>,
  random: Random
): Uint8Array => {
  const choices: Array<Uint8Array> = length <= fixMax ? [Uint8Array.of(fix | length)] : []
  for (const [head, size] of heads) {
    if (length >= 2 ** (size * 8)) continue
    choices.push(
      part(head, size, (view) => {
        for (let i = 0; i < size; i++) view.setUint8(size - 1 - i, Math.floor(length / 2 ** (8 * i)) & 0xff)
      })
    )
  }
  return pick(choices, random)
}

const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(parts))

/** A value as MessagePack, each part of it in a randomly chosen one of its encodings. */
export const encodeLoosely = (value: unknown, random: Random): Uint8Array => {
  if (value === null || value === undefined) return Uint8Array.of(0xc0)
  if (typeof value === "boolean") return Uint8Array.of(value ? 0xc3 : 0xc2)
  if (typeof value === "number") return pick(numberEncodings(value), random)
  if (typeof value === "string") {
    const text = new TextEncoder().encode(value)
    return concat([
      lengthHead(
        text.length,
        0xa0,
        31,
        [
          [0xd9, 1],
          [0xda, 2],
          [0xdb, 4]
        ],
        random
      ),
      text
    ])
  }
  if (Array.isArray(value)) {
    const head = lengthHead(
      value.length,
      0x90,
      15,
      [
        [0xdc, 2],
        [0xdd, 4]
      ],
      random
    )
    return concat([head, ...value.map((item) => encodeLoosely(item, random))])
  }
  const entries = Object.entries(value as Record<string, unknown>)
  const head = lengthHead(
    entries.length,
    0x80,
    15,
    [
      [0xde, 2],
      [0xdf, 4]
    ],
    random
  )
  return concat([head, ...entries.flatMap(([key, item]) => [encodeLoosely(key, random), encodeLoosely(item, random)])])
}
