/**
 * What to do about an SQLSTATE of the ingest transaction. There is no fourth way, and none of them is "ignore".
 * - `split`: some row is refused (classes 22, 23): halve the batch until it stands alone, then quarantine it.
 * - `make_partition`: 23514 that names no constraint is a row without a partition.
 * - `retry`: the server could not now (connection, rollback, resources, operator): the same batch again.
 * - `alarm`: nothing that data or time explains (a missing table, a missing grant): stop taking points, say so, and try
 *   again slowly in case someone mends it.
 */
export type IngestRemedy = "split" | "make_partition" | "retry" | "alarm"

export const ingestRemedy = (sqlState: string, constraint: string | undefined): IngestRemedy => {
  if (sqlState === "23514" && constraint === undefined) return "make_partition"
  switch (sqlState.slice(0, 2)) {
    case "22":
    case "23":
      return "split"
    case "08":
    case "40":
    case "53":
    case "57":
      return "retry"
    default:
      return "alarm"
  }
}
