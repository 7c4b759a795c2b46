import { defaultLimits } from "../../src/config/Limits.ts"
import { type BenchOptions, scaled } from "../BenchOptions.ts"
import type { Carrier, SourcePace, Watch } from "./FanoutOperations.ts"
import type { FanoutShape } from "./FanoutRun.ts"
import { bandSubjects } from "./Place.ts"

const times = <A>(count: number, make: (i: number) => A): ReadonlyArray<A> =>
  Array.from({ length: count }, (_, i) => make(i))

/** `topics` orders with `each` watchers; at `hz` moves a second each, or as fast as they are delivered. */
export const topicsShape = (
  options: BenchOptions,
  topics: number,
  each: number,
  hz: number | undefined
): FanoutShape => {
  const groups = topics === 1 ? 1 : scaled(options, topics)
  const watchersPerGroup = topics === 1 ? scaled(options, each) : each
  const pace: SourcePace = hz === undefined ? { _tag: "Closed" } : { _tag: "Paced", groupMovesPerS: hz * groups }
  return {
    watches: times(groups * watchersPerGroup, (i): Watch => ({ _tag: "Topic", subject: i % groups })),
    source: { groups, groupSize: 1, watchersPerGroup },
    pace,
    tickMs: defaultLimits.fleetTickMs,
    isConflated: false
  }
}

/** A round of a live map that is not held back: below what a dispatcher may ask for, so that throughput shows. */
export const eagerRound = { tickMs: 5, intervalMs: 5 } as const
/** The shortest round that a dispatcher gets. */
export const productRound = { tickMs: defaultLimits.fleetTickMs, intervalMs: defaultLimits.fleetIntervalMsMin } as const

/**
 * `viewers` maps of 100 drivers each in ten areas; a group of 100 drivers moves as one, `hz` times a second or as soon as all its
 * viewers have seen it. `own`: every viewer's borders differ a little, so that no two share a view.
 */
export const mapShape = (
  options: BenchOptions,
  round: { readonly tickMs: number; readonly intervalMs: number },
  hz: number | undefined,
  own: boolean
): FanoutShape => {
  const groups = 10
  const watchersPerGroup = scaled(options, 100)
  const pace: SourcePace = hz === undefined ? { _tag: "Closed" } : { _tag: "Paced", groupMovesPerS: hz * groups }
  return {
    watches: times(
      groups * watchersPerGroup,
      (i): Watch => ({
        _tag: "View",
        first: (i % groups) * bandSubjects,
        count: bandSubjects,
        intervalMs: round.intervalMs,
        edge: own ? Math.floor(i / groups) : 0
      })
    ),
    source: { groups, groupSize: bandSubjects, watchersPerGroup },
    pace,
    tickMs: round.tickMs,
    isConflated: hz !== undefined
  }
}

/** 20 dispatchers who look at every one of 10,000 drivers once a second. */
export const fleetShape = (options: BenchOptions): FanoutShape => {
  const groups = scaled(options, 100)
  const dispatchers = 20
  return {
    watches: times(
      dispatchers,
      (): Watch => ({
        _tag: "View",
        first: 0,
        count: groups * bandSubjects,
        intervalMs: defaultLimits.fleetIntervalMsDefault,
        edge: 0
      })
    ),
    source: { groups, groupSize: bandSubjects, watchersPerGroup: dispatchers },
    pace: { _tag: "Paced", groupMovesPerS: groups },
    tickMs: defaultLimits.fleetTickMs,
    isConflated: true
  }
}

/** What the rivals are called in figures. */
export const rivalNames: Readonly<Record<Exclude<Carrier, "hub">, string>> = {
  publish: "uWebSockets publish",
  rooms: "Socket.IO rooms",
  redis: "Redis pub/sub",
  nats: "NATS"
}
