import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  /** The JSON value of a setting; undefined when there is none. */
  const get = Effect.fn("SettingRepo.get")(function* (key: string) {
    const rows = yield* sql<{ value: unknown }>`SELECT value FROM system_settings WHERE key = ${key}`
    return rows[0]?.value
  })

  return { get }
})

/** Reads the platform's settings (`system_settings`). */
export class SettingRepo extends Context.Service<SettingRepo>()("dropmate/persistence/SettingRepo", { make }) {
  static readonly layer = Layer.effect(this, this.make)
}
