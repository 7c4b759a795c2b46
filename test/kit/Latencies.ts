/** Latencies of one phase of a trial, milliseconds; recorded for the report and never asserted. */
export class Latencies {
  private seen: Array<number> = []

  add(ms: number): void {
    this.seen.push(ms)
  }

  /** Times one piece of work. */
  async time<A>(work: Promise<A>): Promise<A> {
    const began = performance.now()
    const result = await work
    this.add(performance.now() - began)
    return result
  }

  /** What was seen since the last call. */
  take(): { readonly count: number; readonly p50Ms: number; readonly p99Ms: number } {
    const sorted = this.seen.toSorted((a, b) => a - b)
    this.seen = []
    const at = (share: number): number =>
      Math.round((sorted[Math.floor(sorted.length * share)] ?? Number.NaN) * 10) / 10
    return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99) }
  }
}
