import { Context, Effect, Layer } from "effect"
import { JobsDatabase } from "./Database.ts"

const make = Effect.gen(function* () {
  const sql = yield* JobsDatabase
  return {
    /** Makes `daily_dispatch_summary` anew, beside its readers. */
    refresh: Effect.fn("DailySummaryRepo.refresh")(function* () {
      yield* sql`SELECT refresh_daily_summary()`
    })
  }
})

/** Keeps the numbers of each day. */
export class DailySummaryRepo extends Context.Service<DailySummaryRepo>()("dropmate/persistence/DailySummaryRepo", {
  make
}) {
  static readonly layer = Layer.effect(this, this.make)
}
