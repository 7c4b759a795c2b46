import type { BatchRow, IngestBatch } from "./IngestBatch.ts"
import type { CursorAdvance, QuarantinedPoint } from "./IngestDevice.ts"
import type { CursorMove } from "./IngestTransaction.ts"

/** One point of a batch that is being taken apart: a row, or a point settled without one, or one found stored already. */
export interface Piece {
  readonly advance: CursorAdvance
  readonly seq: number
  /** Where the cursor stands before this point. */
  readonly expectedSeq: number
  readonly row: BatchRow | undefined
  readonly quarantined: QuarantinedPoint | undefined
}

/** The points above each cursor's standing, grouped by device and in sequence. */
export const piecesOf = (batch: IngestBatch, standsAt: ReadonlyMap<CursorAdvance, number>): ReadonlyArray<Piece> => {
  const pieces: Array<Piece> = []
  for (const row of batch.listRows()) {
    pieces.push({ advance: row.advance, seq: row.seq, expectedSeq: 0, row, quarantined: undefined })
  }
  for (const advance of standsAt.keys()) {
    for (const quarantined of advance.quarantined ?? []) {
      pieces.push({ advance, seq: quarantined.seq, expectedSeq: 0, row: undefined, quarantined })
    }
  }
  const at = new Map(standsAt)
  return pieces
    .filter((piece) => piece.seq > (standsAt.get(piece.advance) ?? Number.POSITIVE_INFINITY))
    .sort((a, b) => a.advance.index - b.advance.index || a.seq - b.seq)
    .map((piece) => {
      const expectedSeq = at.get(piece.advance) as number
      at.set(piece.advance, piece.seq)
      return { ...piece, expectedSeq }
    })
}

/** The cursor moves that a run of pieces makes. */
export const movesOf = (batch: IngestBatch, pieces: ReadonlyArray<Piece>): ReadonlyArray<CursorMove> => {
  const runs = new Map<CursorAdvance, Array<Piece>>()
  for (const piece of pieces) {
    const run = runs.get(piece.advance)
    if (run === undefined) runs.set(piece.advance, [piece])
    else run.push(piece)
  }
  return [...runs].map(([advance, run]) => {
    const first = run[0] as Piece
    const last = run[run.length - 1] as Piece
    const isWhole = last.seq === advance.lastSeq
    const isMarkerKept = isWhole && !Number.isNaN(advance.markerRecordedAt) && !advance.isMarkerRefused
    return {
      device: advance.device,
      expectedSeq: first.expectedSeq,
      lastSeq: last.seq,
      lastRecordedAt: isWhole
        ? advance.lastRecordedAt
        : last.row === undefined
          ? Number.NaN
          : batch.recordedAtOf(last.row),
      marker: isMarkerKept ? advance : undefined,
      quarantined: run.flatMap((piece) => (piece.quarantined === undefined ? [] : [piece.quarantined]))
    }
  })
}

/** The rows to copy: those that are not settled otherwise. */
export const rowsOf = (pieces: ReadonlyArray<Piece>): ReadonlyArray<BatchRow> =>
  pieces.flatMap((piece) => (piece.row === undefined || piece.quarantined !== undefined ? [] : [piece.row]))
