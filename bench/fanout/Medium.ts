import type { Watch } from "./FanoutOperations.ts"

/** What a medium makes of what a watcher's socket received. */
export interface WatchEvents {
  /** Now the server may be asked; only from a medium that `awaitsWelcome`. */
  readonly welcomed: () => void
  /** The subscription stands. */
  readonly ready: () => void
  /** `count` positions that were due at `stamp`. */
  readonly delivered: (stamp: number, count: number) => void
  /** One frame with positions; `madeAtMs` is when its round was made (Unix time), where it says so. */
  readonly framed: (bytes: number, madeAtMs: number | undefined) => void
  readonly say: (bytes: Buffer) => void
  /** Something that a sound run never hears. */
  readonly surprised: (text: string) => void
}

/** How a contestant is spoken to. One instance serves every socket of the process. */
export interface Medium {
  readonly path: string
  /** What to say first; undefined for nothing. */
  readonly greeting: Buffer | undefined
  readonly awaitsWelcome: boolean
  readonly watch: (watch: Watch) => Buffer
  readonly move: (first: number, count: number, stamp: number) => Buffer
  readonly read: (bytes: Buffer, start: number, end: number, on: WatchEvents) => void
}
