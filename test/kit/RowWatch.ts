import type pg from "pg"

/** One row of a table as JSON text. */
export interface SeenRow {
  readonly table: string
  readonly row: string
}

/** What changed between two looks at a database; a changed row is both gone and new. */
export interface RowChanges {
  readonly gone: ReadonlyArray<SeenRow>
  readonly made: ReadonlyArray<SeenRow>
}

const keyOf = ({ table, row }: SeenRow): string => `${table} ${row}`

const look = async (owner: pg.Client): Promise<ReadonlyMap<string, SeenRow>> => {
  const { rows: tables } = await owner.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1`
  )
  const parts = tables.map(({ name }) => `SELECT '${name}' AS "table", to_jsonb(r)::text AS row FROM "${name}" r`)
  const { rows } = await owner.query<SeenRow>(parts.join(" UNION ALL "))
  return new Map(rows.map((row) => [keyOf(row), row]))
}

/** Looks at every row of every table as the schema's owner, again and again. Partitions are seen through their parents. */
export class RowWatch {
  private readonly owner: pg.Client
  private seen: ReadonlyMap<string, SeenRow>

  private constructor(owner: pg.Client, seen: ReadonlyMap<string, SeenRow>) {
    this.owner = owner
    this.seen = seen
  }

  static async begin(owner: pg.Client): Promise<RowWatch> {
    return new RowWatch(owner, await look(owner))
  }

  /** What changed since the last look. */
  async changes(): Promise<RowChanges> {
    const [before, after] = [this.seen, await look(this.owner)]
    this.seen = after
    return {
      gone: [...before].flatMap(([key, row]) => (after.has(key) ? [] : [row])),
      made: [...after].flatMap(([key, row]) => (before.has(key) ? [] : [row]))
    }
  }
}
