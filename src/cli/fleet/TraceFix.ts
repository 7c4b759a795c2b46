import type { Fix } from "../../client/Fix.ts"

/** A recorded position and whose it is. */
export interface TraceFix {
  readonly vehicleId: string
  readonly fix: Fix
}

/** The file is not a trace. The message names file and line. */
export class TraceUnreadable extends Error {
  readonly path: string
  /** From 1; 0 when it is about the file as a whole. */
  readonly line: number
  constructor(path: string, line: number, reason: string) {
    super(`${path}${line === 0 ? "" : `:${line}`}: ${reason}`)
    this.name = "TraceUnreadable"
    this.path = path
    this.line = line
  }
}

const zonedTime = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})$/i

/** ISO 8601 with a zone, or Unix seconds or milliseconds. A time without a zone would mean another moment on every machine. */
export const traceTime = (path: string, line: number, text: string): number => {
  if (/^\d{9,14}(\.\d+)?$/.test(text)) return Math.round(Number(text) < 1e11 ? Number(text) * 1_000 : Number(text))
  const unixMs = zonedTime.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(unixMs)) {
    throw new TraceUnreadable(path, line, `time must be like 2026-01-12T17:00:00Z or Unix seconds, not "${text}"`)
  }
  return unixMs
}
