import type pg from "pg"
import { commerceRows } from "./CommerceRows.ts"
import { operationRows } from "./OperationRows.ts"
import { peopleRows } from "./PeopleRows.ts"

export { idOf } from "./RowIds.ts"

/** Columns and values of one row; JSON, as `jsonb_populate_record` reads it. */
export type Row = Readonly<Record<string, unknown>>

/** A row and the table it is for. */
export type GoodRow = readonly [table: string, row: Row]

/**
 * One row that every rule lets in, for each table, in an order in which they can be inserted. Each has every column that a rule
 * speaks of, so that one wrong value is enough to break that rule and no other.
 */
export const goodRows: ReadonlyArray<GoodRow> = [...peopleRows, ...commerceRows, ...operationRows]

/** Inserts one row; generated columns and defaults are the table's. */
export const insertRow = async (client: pg.ClientBase, table: string, row: Row): Promise<void> => {
  const columns = Object.keys(row)
    .map((column) => `"${column}"`)
    .join(", ")
  await client.query(
    `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM jsonb_populate_record(NULL::${table}, $1::jsonb)`,
    [JSON.stringify(row)]
  )
}
