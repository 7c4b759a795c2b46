import { Client, type QueryResultRow } from "pg"
import { onTestFinished } from "vitest"

/** A connection of the test's own, as the owner, until the end of the test. */
export class DatabaseWatch {
  private readonly client: Client

  private constructor(client: Client) {
    this.client = client
  }

  static async open(databaseUrl: string): Promise<DatabaseWatch> {
    const client = new Client({ connectionString: databaseUrl })
    // A server that the test stops ends this connection too; the next query says so.
    client.on("error", () => undefined)
    await client.connect()
    onTestFinished(() => client.end())
    return new DatabaseWatch(client)
  }

  async rows<Row extends QueryResultRow>(
    sql: string,
    values: ReadonlyArray<unknown> = []
  ): Promise<ReadonlyArray<Row>> {
    return (await this.client.query<Row>(sql, [...values])).rows
  }

  /** The first column of the only row, as a number. */
  async number(sql: string, values: ReadonlyArray<unknown> = []): Promise<number> {
    const [row] = await this.rows<Record<string, unknown>>(sql, values)
    return Number(Object.values(row ?? {})[0])
  }

  /** Points settled by committed transactions, as the cursors count them. */
  settled(): Promise<number> {
    return this.number("SELECT coalesce(sum(last_seq), 0) FROM driver_ingest_cursors")
  }
}
