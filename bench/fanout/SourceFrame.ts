import type { Watch } from "./FanoutOperations.ts"

/** The bench's own requests, the same to every contestant that speaks WebSocket: watch something, or move something. */
export type SourceRequest =
  | Watch
  | { readonly _tag: "Move"; readonly first: number; readonly count: number; readonly stamp: number }

const topicKind = 1
const viewKind = 2
const moveKind = 3

const words = (kind: number, ...values: ReadonlyArray<number>): Buffer => {
  const bytes = Buffer.alloc(1 + values.length * 4, kind)
  values.forEach((value, i) => bytes.writeUInt32BE(value, 1 + i * 4))
  return bytes
}

export const sourceBytes = (request: SourceRequest): Buffer => {
  switch (request._tag) {
    case "Topic":
      return words(topicKind, request.subject)
    case "View":
      return words(viewKind, request.first, request.count, request.intervalMs, request.edge)
    case "Move":
      return words(moveKind, request.first, request.count, request.stamp)
  }
}

/** Reads a request; throws RangeError for what `sourceBytes` did not write. */
export const readSource = (message: ArrayBuffer): SourceRequest => {
  const view = new DataView(message)
  const word = (i: number): number => view.getUint32(1 + i * 4)
  switch (view.getUint8(0)) {
    case topicKind:
      return { _tag: "Topic", subject: word(0) }
    case viewKind:
      return { _tag: "View", first: word(0), count: word(1), intervalMs: word(2), edge: word(3) }
    case moveKind:
      return { _tag: "Move", first: word(0), count: word(1), stamp: word(2) }
    default:
      throw new RangeError(`no request of kind ${view.getUint8(0)}`)
  }
}
