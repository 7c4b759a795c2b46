import { randomFillSync } from "node:crypto"
import { Clock, Context, Effect } from "effect"
import { uuidV7 } from "../domain/Ids.ts"

// One system call fills 400 ids: a request for 1,000 tokens otherwise spends more time in getrandom() than in SQL.
const idBytes = 10
const pool = new Uint8Array(idBytes * 400)
let used = pool.length

const randomTen = (): Uint8Array => {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += idBytes
  return pool.subarray(used - idBytes, used)
}

/** Makes a UUIDv7 from the clock in force and the system's random source. A reference, so that a test can count instead. */
export const NewId = Context.Reference<Effect.Effect<string>>("dropmate/persistence/NewId", {
  defaultValue: () => Effect.map(Clock.currentTimeMillis, (nowMs) => uuidV7(nowMs, randomTen()))
})

/** A new id. */
export const newId: Effect.Effect<string> = Effect.flatMap(NewId, (make) => make)

/** `count` new ids. */
export const newIds = (count: number): Effect.Effect<ReadonlyArray<string>> =>
  Effect.flatMap(NewId, (make) => Effect.replicateEffect(make, count))
