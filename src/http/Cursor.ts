import { Effect, Schema } from "effect"
import { Problem } from "./Problem.ts"

/** One page of a list. */
export interface Page<Item> {
  readonly data: ReadonlyArray<Item>
  readonly next_cursor: string | null
  readonly has_more: boolean
}

const encodeCursor = (list: string, position: unknown): string =>
  Buffer.from(JSON.stringify([list, position]), "utf8").toString("base64url")

/**
 * Cursors of one list: where the next page begins, as text that a client only hands back. `list` keeps the cursor of one
 * list from another. What comes back is checked like any input; 400 `invalid_cursor` otherwise.
 */
export const cursorOf = <Position>(list: string, position: Schema.Codec<Position, unknown>) => {
  const decode = Schema.decodeUnknownEffect(Schema.Tuple([Schema.Literal(list), position]))
  return {
    read: (cursor: string | undefined): Effect.Effect<Position | undefined, Problem> => {
      if (cursor === undefined) return Effect.succeed(undefined)
      return Effect.try(() => JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")) as unknown).pipe(
        Effect.flatMap(decode),
        Effect.map(([, at]) => at),
        Effect.mapError(() => new Problem({ code: "invalid_cursor" }))
      )
    },
    /** The cursor of a position. */
    write: (position: Position): string => encodeCursor(list, position),
    /** A page from `limit + 1` rows: the one too many says that there is more. */
    page: <Row, Item>(
      rows: ReadonlyArray<Row>,
      limit: number,
      positionOf: (row: Row) => Position,
      show: (row: Row) => Item
    ): Page<Item> => {
      const shown = rows.slice(0, limit)
      const last = shown.at(-1)
      const hasMore = rows.length > limit && last !== undefined
      return {
        data: shown.map(show),
        next_cursor: hasMore ? encodeCursor(list, positionOf(last)) : null,
        has_more: hasMore
      }
    }
  }
}

const Uuid = Schema.String.check(Schema.isPattern(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/))

/** Cursors of a list in the order of ids. */
export const idCursor = (list: string) => cursorOf(list, Uuid)
