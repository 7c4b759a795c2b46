/** Bytes of a value that follow its head: fixed, or a length of so many bytes with more behind it. */
const scalarBytes: ReadonlyArray<number> = (() => {
  const sizes = new Array<number>(256).fill(-1)
  for (let head = 0x00; head <= 0x7f; head++) sizes[head] = 0
  for (let head = 0xa0; head <= 0xbf; head++) sizes[head] = head & 0x1f
  for (let head = 0xe0; head <= 0xff; head++) sizes[head] = 0
  const fixed: ReadonlyArray<readonly [head: number, size: number]> = [
    ...([
      [0xc0, 0],
      [0xc2, 0],
      [0xc3, 0],
      [0xca, 4],
      [0xcb, 8]
    ] as const),
    ...([
      [0xcc, 1],
      [0xcd, 2],
      [0xce, 4],
      [0xcf, 8],
      [0xd0, 1],
      [0xd1, 2],
      [0xd2, 4],
      [0xd3, 8]
    ] as const),
    // An extension of fixed size has its type in front.
    ...([
      [0xd4, 2],
      [0xd5, 3],
      [0xd6, 5],
      [0xd7, 9],
      [0xd8, 17]
    ] as const)
  ]
  for (const [head, size] of fixed) sizes[head] = size
  return sizes
})()

/** Heads of bin, ext and str that are followed by a length: its width, and what else follows besides the content. */
const lengthWidth: ReadonlyMap<number, readonly [width: number, extra: number]> = new Map([
  [0xc4, [1, 0]],
  [0xc5, [2, 0]],
  [0xc6, [4, 0]],
  [0xc7, [1, 1]],
  [0xc8, [2, 1]],
  [0xc9, [4, 1]],
  [0xd9, [1, 0]],
  [0xda, [2, 0]],
  [0xdb, [4, 0]]
])

const bigEndian = (bytes: Uint8Array, at: number, width: number): number => {
  let value = 0
  for (let i = 0; i < width; i++) value = value * 256 + (bytes[at + i] ?? 0)
  return value
}

/** Head bytes and number of values of a container; undefined when the head is none of one. */
const containerAt = (bytes: Uint8Array, at: number): readonly [headBytes: number, values: number] | undefined => {
  const head = bytes[at] as number
  if ((head & 0xf0) === 0x90) return [1, head & 0x0f]
  if ((head & 0xf0) === 0x80) return [1, (head & 0x0f) * 2]
  if (head === 0xdc || head === 0xde) return [3, bigEndian(bytes, at + 1, 2) * (head === 0xde ? 2 : 1)]
  if (head === 0xdd || head === 0xdf) return [5, bigEndian(bytes, at + 1, 4) * (head === 0xdf ? 2 : 1)]
  return undefined
}

/**
 * Walks over one MessagePack message without building anything: the reason why it must not be decoded, or undefined.
 * The library reserves memory for the length that an array claims, and for each level of nesting again: 16 KiB of array heads
 * cost it 3 s and 2 GB. Here a container may not claim more values than bytes are left, nor be nested deeper than `depthMax`
 * (the outermost one being 1).
 */
export const scanFrame = (bytes: Uint8Array, depthMax: number): string | undefined => {
  const left: Array<number> = [1]
  let at = 0
  while (left.length > 0) {
    const top = left.length - 1
    if (left[top] === 0) {
      left.pop()
      continue
    }
    left[top] = (left[top] as number) - 1
    if (at >= bytes.length) return "truncated"
    const container = containerAt(bytes, at)
    if (container !== undefined) {
      if (left.length > depthMax) return `nested deeper than ${depthMax}`
      at += container[0]
      if (container[1] > bytes.length - at) return "truncated"
      left.push(container[1])
      continue
    }
    const head = bytes[at] as number
    const measured = lengthWidth.get(head)
    const size =
      measured === undefined
        ? (scalarBytes[head] as number)
        : bigEndian(bytes, at + 1, measured[0]) + measured[0] + measured[1]
    if (size < 0) return "a byte that begins no value"
    at += 1 + size
    if (at > bytes.length) return "truncated"
  }
  return at === bytes.length ? undefined : "bytes after the frame"
}
