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

/** Memory of this process, after a full collection when `collect` (needs --expose-gc). */
export const memorySample = (collect: boolean): Pick<ServerSample, "residentBytes" | "heapBytes"> => {
  if (collect && typeof globalThis.gc === "function") {
    globalThis.gc()
    globalThis.gc()
  }
  const { rss, heapUsed, external } = process.memoryUsage()
  return { residentBytes: rss, heapBytes: heapUsed + external }
}
