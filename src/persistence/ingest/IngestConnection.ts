import { Context, Data, Effect, type Redacted } from "effect"
import pg from "pg"
import { Limits } from "../../config/Limits.ts"
import { type DatabaseRole, pgSettings } from "../Database.ts"
import { parse, sync } from "./WireMessages.ts"

/** PostgreSQL refused a statement. The transaction is rolled back; nothing of it happened. */
export class StatementRefused extends Data.TaggedError("StatementRefused")<{
  readonly sqlState: string
  readonly message: string
  readonly constraint: string | undefined
}> {}

/** The connection is gone or silent. Whether the transaction committed is unknown. */
export class ConnectionLost extends Data.TaggedError("ConnectionLost")<{ readonly message: string }> {}

/** The statements of the ingest transaction, prepared once on each connection. */
export interface PreparedStatements {
  readonly [name: string]: string
}

/** Where a connection goes, as whom, and what it prepares. */
export interface IngestConnectionOptions {
  readonly url: Redacted.Redacted
  /** `application_name`. */
  readonly name: string
  readonly role: DatabaseRole
  readonly statements: PreparedStatements
  readonly connectMs: number
}

/**
 * One `pg` connection whose batches are written as one pipelined message sequence: `pg` does the handshake, TLS and the
 * parsing of answers, while the round trips that a driver's calls would cost (a third of the rate) are not made.
 * Used by one fiber at a time.
 */
export class IngestConnection {
  private client: pg.Client | undefined
  private readonly url: Redacted.Redacted
  private readonly name: string
  private readonly role: DatabaseRole
  private readonly statements: PreparedStatements
  private readonly connectMs: number

  constructor(options: IngestConnectionOptions) {
    this.url = options.url
    this.name = options.name
    this.role = options.role
    this.statements = options.statements
    this.connectMs = options.connectMs
  }

  get isConnected(): boolean {
    return this.client !== undefined
  }

  /** Connects if there is no connection. */
  readonly connect: Effect.Effect<void, ConnectionLost> = Effect.suspend(() =>
    this.client === undefined ? Effect.tryPromise({ try: () => this.open(), catch: lost }) : Effect.void
  )

  private async open(): Promise<void> {
    const client = new pg.Client(pgSettings(this.url, this.name, this.role, this.connectMs))
    client.on("error", () => this.forget(client))
    client.on("end", () => this.forget(client))
    try {
      await client.connect()
      const parses = Object.entries(this.statements).map(([name, sql]) => parse(name, sql))
      await submit(client, [...parses, sync])
    } catch (cause) {
      // Whatever came of it must not stay behind: a half-open connection would hold a place until PostgreSQL times out.
      destroy(client)
      throw cause
    }
    this.client = client
  }

  private forget(client: pg.Client): void {
    if (this.client === client) this.client = undefined
  }

  /**
   * Sends prepared messages that begin a transaction and end in COMMIT and Sync, all at once. Succeeds once the commit is
   * known; `StatementRefused` after rolling back.
   */
  pipeline(messages: ReadonlyArray<Uint8Array>): Effect.Effect<void, StatementRefused | ConnectionLost> {
    return Effect.tryPromise({ try: () => submit(this.current(), messages), catch: failure }).pipe(
      Effect.catchTag("StatementRefused", (refused) => Effect.andThen(this.query("ROLLBACK"), Effect.fail(refused))),
      Effect.onInterrupt(() => Effect.sync(() => this.drop()))
    )
  }

  /** One plain statement, for the rare paths. */
  query<Row extends pg.QueryResultRow>(
    sql: string,
    values: ReadonlyArray<unknown> = []
  ): Effect.Effect<ReadonlyArray<Row>, StatementRefused | ConnectionLost> {
    return Effect.tryPromise({
      try: async () => (await this.current().query<Row>(sql, [...values])).rows,
      catch: failure
    }).pipe(Effect.onInterrupt(() => Effect.sync(() => this.drop())))
  }

  /** Gives the connection up without a word; the next use needs `connect`. */
  drop(): void {
    const client = this.client
    this.client = undefined
    if (client !== undefined) destroy(client)
  }

  /** Ends the connection in order; a server that does not answer within `databaseCloseMs` is left. */
  readonly close: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const { databaseCloseMs } = yield* Limits
    const client = this.client
    this.client = undefined
    if (client === undefined) return
    yield* Effect.tryPromise(() => client.end()).pipe(
      Effect.timeout(databaseCloseMs),
      Effect.ignore,
      Effect.ensuring(Effect.sync(() => destroy(client)))
    )
  })

  private current(): pg.Client {
    if (this.client === undefined) throw new Error("connection lost")
    return this.client
  }
}

/** Makes the connections of the writer's lanes. A reference, so that the simulation can put a database of its own under the writer. */
export const IngestConnector = Context.Reference<(options: IngestConnectionOptions) => IngestConnection>(
  "dropmate/persistence/IngestConnector",
  { defaultValue: () => (options) => new IngestConnection(options) }
)

/** `pg` keeps its socket on the connection; ending it at once is the only way out of a server that does not answer. */
interface PgSocket {
  cork(): void
  uncork(): void
  write(bytes: Uint8Array): boolean
  destroy(): void
}
interface PgConnection {
  readonly stream: PgSocket
}

const destroy = (client: pg.Client): void => {
  ;(client as unknown as { readonly connection: PgConnection }).connection.stream.destroy()
}

/** A query object as `pg` drives it (the contract that pg-cursor and pg-copy-streams use too). */
class Pipeline {
  private readonly messages: ReadonlyArray<Uint8Array>
  private readonly done: (error?: Error) => void

  constructor(messages: ReadonlyArray<Uint8Array>, done: (error?: Error) => void) {
    this.messages = messages
    this.done = done
  }

  submit(connection: PgConnection): void {
    connection.stream.cork()
    for (const bytes of this.messages) connection.stream.write(bytes)
    connection.stream.uncork()
  }
  handleError(error: Error): void {
    this.done(error)
  }
  handleReadyForQuery(): void {
    this.done()
  }
  // Counts of rows are checked by the statements themselves; nothing in these answers is needed.
  handleCommandComplete(): void {}
  handleCopyInResponse(): void {}
  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
}

const submit = (client: pg.Client, messages: ReadonlyArray<Uint8Array>): Promise<void> =>
  new Promise((resolve, reject) => {
    client.query(new Pipeline(messages, (error) => (error === undefined ? resolve() : reject(error))))
  })

const lost = (cause: unknown): ConnectionLost =>
  new ConnectionLost({ message: cause instanceof Error ? cause.message : String(cause) })

const failure = (cause: unknown): StatementRefused | ConnectionLost =>
  cause instanceof pg.DatabaseError && cause.code !== undefined && cause.severity !== "FATAL"
    ? new StatementRefused({ sqlState: cause.code, message: cause.message, constraint: cause.constraint })
    : lost(cause)
