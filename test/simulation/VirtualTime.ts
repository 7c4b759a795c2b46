import { Clock, Context, Duration, Effect, Exit, Scheduler } from "effect"
import type { ClientClock } from "../../src/client/ClientClock.ts"

interface Timer {
  readonly atMs: number
  readonly order: number
  readonly act: () => void
  isCleared: boolean
}

/** Lets promises that are ready run to their end. */
const promisesSettled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/**
 * The one clock of a simulated world: Effect's fibers, the phones and the network all wait on it, and it stands still until the next of
 * them is due. What is due at the same moment happens in the order in which it was asked for, so a seed repeats a run exactly.
 */
export class VirtualTime {
  /** Unix milliseconds. */
  nowMs: number
  /** Things that happened so far. */
  steps = 0
  /** A binary heap by (time, order). */
  private readonly heap: Array<Timer> = []
  private order = 0
  private ready: Array<() => void> = []
  readonly context: Context.Context<never>

  constructor(startMs: number) {
    this.nowMs = startMs
    const scheduler = new Scheduler.MixedScheduler("async", (run) => this.soon(run))
    this.context = Context.make(Clock.Clock, this.effectClock()).pipe(
      Context.add(Scheduler.Scheduler, scheduler)
    ) as Context.Context<never>
  }

  /** Calls `act` after a while; `clear` takes it back. */
  after(afterMs: number, act: () => void): Timer {
    const timer = { atMs: this.nowMs + Math.max(0, afterMs), order: this.order++, act, isCleared: false }
    this.push(timer)
    return timer
  }

  readonly clientClock: ClientClock = {
    unixMs: () => Math.floor(this.nowMs),
    monotonicMs: () => this.nowMs,
    setTimer: (wake, afterMs) => this.after(afterMs, wake),
    clearTimer: (timer) => {
      ;(timer as Timer).isCleared = true
    }
  }

  /** Lets the next thing happen, and all that follows from it without time going by. */
  async step(): Promise<void> {
    let next = this.pop()
    while (next?.isCleared === true) next = this.pop()
    if (next === undefined) throw new Error("nothing will ever happen again")
    this.nowMs = next.atMs
    this.steps++
    next.act()
    await this.settled()
  }

  /** Runs fibers and promises until all of them wait for time to go by. */
  async settled(): Promise<void> {
    do {
      while (this.ready.length > 0) {
        const now = this.ready
        this.ready = []
        for (const run of now) run()
      }
      await promisesSettled()
    } while (this.ready.length > 0)
  }

  /** Runs an effect to its end in this time. */
  async run<A, E>(effect: Effect.Effect<A, E>): Promise<A> {
    const fiber = Effect.runForkWith(this.context)(effect)
    let exit: Exit.Exit<A, E> | undefined
    fiber.addObserver((ended) => {
      exit = ended
    })
    await this.settled()
    while (exit === undefined) await this.step()
    if (Exit.isFailure(exit)) throw new Error(String(exit.cause))
    return exit.value
  }

  private soon(run: () => void): () => void {
    let isCancelled = false
    this.ready.push(() => {
      if (!isCancelled) run()
    })
    return () => {
      isCancelled = true
    }
  }

  private effectClock(): Clock.Clock {
    const millis = (): number => Math.floor(this.nowMs)
    const nanos = (): bigint => BigInt(millis()) * 1_000_000n
    return {
      currentTimeMillisUnsafe: millis,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: nanos,
      monotonicTimeNanos: Effect.sync(nanos),
      sleep: (duration) =>
        Effect.callback((resume) => {
          const timer = this.after(Duration.toMillis(duration), () => resume(Effect.void))
          return Effect.sync(() => {
            timer.isCleared = true
          })
        })
    }
  }

  private push(timer: Timer): void {
    const { heap } = this
    let at = heap.push(timer) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!isBefore(timer, heap[above] as Timer)) break
      heap[at] = heap[above] as Timer
      at = above
    }
    heap[at] = timer
  }

  private pop(): Timer | undefined {
    const { heap } = this
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Timer, heap[below] as Timer)) below++
      if (!isBefore(heap[below] as Timer, last)) break
      heap[at] = heap[below] as Timer
      at = below
    }
    heap[at] = last
    return first
  }
}

const isBefore = (a: Timer, b: Timer): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
