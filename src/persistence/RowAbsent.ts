import { Effect, Schema } from "effect"

/** Somebody changed the row since the version that the caller saw. Retry: after reading it again. */
export class RowChanged extends Schema.TaggedError<RowChanged>()("RowChanged", {
  kind: Schema.String,
  id: Schema.String,
  expectedVersion: Schema.Int,
  actualVersion: Schema.Int
}) {}

/** There is no such row, or the caller may not know of it. Retry: never. */
export class RowAbsent extends Schema.TaggedError<RowAbsent>()("RowAbsent", {
  kind: Schema.String,
  id: Schema.String
}) {}

/** The only row of a result; RowAbsent when there is none. */
export const theRow = <Row>(kind: string, id: string, rows: ReadonlyArray<Row>): Effect.Effect<Row, RowAbsent> => {
  const row = rows[0]
  return row === undefined ? Effect.fail(new RowAbsent({ kind, id })) : Effect.succeed(row)
}

/** The only row of a result, at the version the caller expects (undefined: any). */
export const theRowAt = <Row extends { readonly version: number }>(
  kind: string,
  id: string,
  expectedVersion: number | undefined,
  rows: ReadonlyArray<Row>
): Effect.Effect<Row, RowAbsent | RowChanged> =>
  Effect.flatMap(theRow(kind, id, rows), (row) =>
    expectedVersion === undefined || row.version === expectedVersion
      ? Effect.succeed(row)
      : Effect.fail(new RowChanged({ kind, id, expectedVersion, actualVersion: row.version }))
  )
