import { Effect } from "effect"
import type { ConnectionLost, IngestConnection, StatementRefused } from "./IngestConnection.ts"
import type { CursorAdvance, CursorLost } from "./IngestDevice.ts"

/** Where a cursor stands in the database, seen from the advance that wants to move it. */
export type CursorStanding =
  /** Ours: what is above `lastSeq` may be committed; what is not, is. */
  | { readonly _tag: "Ours"; readonly advance: CursorAdvance; readonly lastSeq: number }
  | { readonly _tag: "Lost"; readonly advance: CursorAdvance; readonly reason: CursorLost }

interface CursorRow {
  readonly driver_id: string
  readonly device_no: number
  readonly session_id: string | null
  readonly last_seq: string
}

/**
 * Reads the cursors of some advances, waiting for whoever holds them: a transaction of ours that the server still works on
 * after its connection was lost has ended when this answers. Locked in key order, so two nodes cannot deadlock here.
 */
export const readStandings = (
  connection: IngestConnection,
  advances: ReadonlyArray<CursorAdvance>
): Effect.Effect<ReadonlyArray<CursorStanding>, StatementRefused | ConnectionLost> =>
  connection
    .query<CursorRow>(
      `SELECT c.driver_id, c.device_no, c.session_id, c.last_seq
       FROM driver_ingest_cursors AS c
       JOIN unnest($1::uuid[], $2::int4[]) AS a(driver_id, device_no) USING (driver_id, device_no)
       ORDER BY c.driver_id, c.device_no
       FOR UPDATE OF c`,
      [advances.map((advance) => advance.device.driverId), advances.map((advance) => advance.device.deviceNo)]
    )
    .pipe(
      Effect.map((rows) => {
        const byKey = new Map(rows.map((row) => [`${row.driver_id}/${row.device_no}`, row]))
        return advances.map((advance) =>
          standing(advance, byKey.get(`${advance.device.driverId}/${advance.device.deviceNo}`))
        )
      })
    )

const standing = (advance: CursorAdvance, row: CursorRow | undefined): CursorStanding => {
  if (row === undefined || row.session_id !== advance.device.sessionId)
    return { _tag: "Lost", advance, reason: "replaced" }
  const lastSeq = Number(row.last_seq)
  // Below what this session has committed: the database was restored from a backup. WELCOME lines the phone up with it.
  if (lastSeq < advance.expectedSeq) return { _tag: "Lost", advance, reason: "database_rewound" }
  return { _tag: "Ours", advance, lastSeq }
}
