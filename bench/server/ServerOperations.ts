/** What a contestant process needs to begin. */
export interface ServerPlan {
  readonly databaseUrl: string
  readonly redisUrl: string
  readonly secret: string
}

/** What a contestant says of itself. `commits` and `rows` are the writer's; 0 where there is none. */
export interface ServerSample {
  readonly commits: number
  readonly rows: number
  /** Cursor rows that the commits moved. */
  readonly cursors: number
  /** Points taken, for a contestant that stores nothing. */
  readonly taken: number
  readonly residentBytes: number
  readonly heapBytes: number
}

/** What a contestant process can be asked. */
export type ServerOperations = {
  /** Answers the port it listens on. */
  readonly listen: (plan: ServerPlan) => Promise<number>
  readonly sample: (input: { readonly collect: boolean }) => ServerSample
}

/**
 * Memory of this process; with `collect` (needs --expose-gc) after the collection that V8 makes before it would give up, which
 * gives every page back that holds nothing. After a plain one V8 keeps what a peak had needed, or does not: of the same engine
 * with the same sockets, 0 to 70 MiB from run to run, more than all its sockets weigh.
 */
export const memorySample = (collect: boolean): Pick<ServerSample, "residentBytes" | "heapBytes"> => {
  if (collect && typeof globalThis.gc === "function") {
    globalThis.gc({ type: "major", execution: "sync", flavor: "last-resort" })
  }
  const { rss, heapUsed, external } = process.memoryUsage()
  return { residentBytes: rss, heapBytes: heapUsed + external }
}
