/** Bounds of the wait before a client comes back, milliseconds. */
export interface BackoffBounds {
  readonly floorMs: number
  readonly baseMs: number
  readonly capMs: number
}

export const defaultBackoff: BackoffBounds = { floorMs: 200, baseMs: 1_000, capMs: 20_000 }

/**
 * Full jitter: a random part of an exponentially growing span, so that phones which lost one server do not return as one wave.
 * The server's own `retryAfterMs` comes on top, not instead: it is the same for many phones. `random` is in [0, 1).
 */
export const backoffMs = (bounds: BackoffBounds, failures: number, retryAfterMs: number, random: number): number => {
  const spanMs = Math.min(bounds.capMs, bounds.baseMs * 2 ** Math.min(failures, 30))
  return Math.round(Math.max(bounds.floorMs, spanMs * random) + Math.max(0, retryAfterMs))
}
