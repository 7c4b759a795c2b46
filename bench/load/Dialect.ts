import type { Track } from "./Track.ts"

/** What a contestant and its clients say to each other. One instance serves every socket of a load process. */
export interface Dialect {
  readonly path: string
  /** What to send once the upgrade is done. */
  readonly greeting: (client: { readonly token: string; readonly deviceId: string }) => Buffer | undefined
  /** Bytes of one frame of `framePoints` points. */
  readonly frameBytes: number
  /** Writes the next frame and moves the track on; answers where it ends. */
  readonly write: (track: Track, bytes: Buffer, at: number, now: number) => number
  /** What a payload of the server means. */
  readonly read: (bytes: Buffer, start: number, end: number) => Reply
}

/** `acked`: every point up to that number; `settled`: that many more points. */
export type Reply =
  | { readonly _tag: "Welcome"; readonly ackedSeq: number }
  | { readonly _tag: "Acked"; readonly seq: number }
  | { readonly _tag: "Settled"; readonly points: number }
  | { readonly _tag: "Credit"; readonly window: number }
  | { readonly _tag: "Say"; readonly bytes: Buffer }
  | { readonly _tag: "Nothing" }
  /** Something that a sound run never hears (REFUSED, FLAGGED, GOODBYE): kept and shown. */
  | { readonly _tag: "Surprise"; readonly text: string }

export const nothing: Reply = { _tag: "Nothing" }
