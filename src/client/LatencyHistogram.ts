/** Sub-buckets per doubling: a quantile is at most 1/16 above the true value. */
const perDoubling = 16
/** Resolution of the first buckets, milliseconds. */
const unitMs = 0.125
const doublings = 30

/**
 * Latencies in milliseconds in logarithmic buckets of constant memory (4 kB), so that one histogram can serve thousands of
 * clients and millions of points. Values above about a day land in the last bucket.
 */
export class LatencyHistogram {
  private readonly buckets = new Float64Array(perDoubling * doublings)
  private total = 0
  private greatestMs = 0

  get count(): number {
    return this.total
  }

  get maxMs(): number {
    return this.greatestMs
  }

  record(latencyMs: number, times = 1): void {
    const index = bucketOf(latencyMs)
    this.buckets[index] = (this.buckets[index] as number) + times
    this.total += times
    if (latencyMs > this.greatestMs) this.greatestMs = latencyMs
  }

  /** The upper bound of the bucket that holds the given share (0..1) of the values; undefined when nothing was recorded. */
  quantileMs(share: number): number | undefined {
    if (this.total === 0) return undefined
    const rank = Math.max(1, Math.ceil(share * this.total))
    let seen = 0
    for (let i = 0; i < this.buckets.length; i++) {
      seen += this.buckets[i] as number
      if (seen >= rank) return Math.min(upperBoundMs(i), this.greatestMs)
    }
    return this.greatestMs
  }
}

const bucketOf = (latencyMs: number): number => {
  const units = Math.floor(Math.max(0, latencyMs) / unitMs)
  if (units < perDoubling) return units
  const doubling = Math.floor(Math.log2(units / perDoubling))
  const within = Math.floor(units / 2 ** doubling) - perDoubling
  return Math.min(perDoubling * (doubling + 1) + within, perDoubling * doublings - 1)
}

const upperBoundMs = (index: number): number => {
  if (index < perDoubling) return (index + 1) * unitMs
  const doubling = Math.floor(index / perDoubling) - 1
  return (perDoubling + (index % perDoubling) + 1) * 2 ** doubling * unitMs
}
