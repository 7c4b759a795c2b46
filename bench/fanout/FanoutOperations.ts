/** Who carries a position to its watchers. */
export type Carrier = "hub" | "publish" | "rooms" | "redis" | "nats"

/** What a contestant's process can be asked. */
export type FanoutServerOperations = {
  /** Answers the port it listens on. `tickMs`: how often the product looks for views that are due; nothing to the rivals. */
  readonly listen: (plan: { readonly tickMs: number }) => Promise<number>
}

/**
 * What one watcher sees: one subject with a frame for each move; or, on a live map, `count` subjects from
 * `first`. `edge` shifts the border of a view by millionths of a degree: views with different borders are different views.
 */
export type Watch =
  | { readonly _tag: "Topic"; readonly subject: number }
  | {
      readonly _tag: "View"
      readonly first: number
      readonly count: number
      readonly intervalMs: number
      readonly edge: number
    }

/** Subjects move in groups of `groupSize`; a group's move is one frame of the source and `deliveries` logical deliveries. */
export interface SourcePlan {
  readonly groups: number
  readonly groupSize: number
  /** Watchers that see a group, each all of it. */
  readonly watchersPerGroup: number
}

export interface WatchersPlan {
  readonly carrier: Carrier
  readonly host: string
  readonly port: number
  /** Of Redis; empty for the others. */
  readonly password: string
  readonly watches: ReadonlyArray<Watch>
  readonly source: SourcePlan
}

/** `Closed`: a group moves again once all its watchers have seen it. `Paced`: moves are due by the clock. */
export type SourcePace = { readonly _tag: "Closed" } | { readonly _tag: "Paced"; readonly groupMovesPerS: number }

/** What the watchers have counted since they were opened. */
export interface WatchersSample {
  readonly atMs: number
  /** Positions that watchers were due, and that reached them: logical deliveries. */
  readonly due: number
  readonly delivered: number
  /** Frames that carried positions, and their payload bytes. */
  readonly frames: number
  readonly bytes: number
  readonly cpuS: number
  /** Since `measure`, of each logical delivery from when its move was due. */
  readonly latencyMs: { readonly p50: number | undefined; readonly p99: number | undefined }
  /** The same from when the product's round was made, by the wall clock of both processes; only where frames say it. */
  readonly roundMs: { readonly p50: number | undefined; readonly p99: number | undefined }
  readonly surprises: Readonly<Record<string, number>>
}

/** What the process of watchers and source can be asked. */
export type WatchersOperations = {
  readonly open: (plan: WatchersPlan) => Promise<void>
  readonly begin: (pace: SourcePace) => void
  readonly measure: (input: null) => void
  readonly sample: (input: null) => WatchersSample
  /** Moves nothing more and waits until everything due has come, or `timeoutMs`. */
  readonly drain: (input: { readonly timeoutMs: number }) => Promise<WatchersSample>
  readonly close: (input: null) => void
}
