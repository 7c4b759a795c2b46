import { Effect, Redacted } from "effect"
import { afterEach, beforeEach, expect, test } from "vitest"
import { BenchDatabase, GateFailed } from "../../bench/BenchDatabase.ts"
import { migrate } from "../../src/persistence/Migrations.ts"
import { type FreshDatabase, freshDatabase } from "../kit/TestServices.ts"

let fresh: FreshDatabase
let database: BenchDatabase
beforeEach(async () => {
  fresh = await freshDatabase()
  await Effect.runPromise(migrate(Redacted.make(fresh.url)))
  database = await BenchDatabase.connect(Redacted.make(fresh.url), Redacted.make("s".repeat(32)))
})
afterEach(async () => {
  await database.close()
  await fresh.drop()
})

test("the gate passes an empty run and fails one that acknowledged what is not stored", async () => {
  await expect(database.gate("product", 0, 0, true)).resolves.toEqual({ rows: 0, quarantined: 0, cursorSum: 0 })
  await expect(database.gate("product", 1, 1, true)).rejects.toThrow(GateFailed)
})

test("the gate fails a run in which something sent was never acknowledged", async () => {
  await expect(database.gate("product", 0, 1, true)).rejects.toThrow("sent 1")
})

test("a session is opened for each driver, and opening again leaves one cursor each", async () => {
  const drivers = await database.driversOf(3)
  await database.reset()
  const sessions = await database.openSessions(drivers)
  expect(new Set(sessions.map((session) => session.driverId))).toEqual(
    new Set(drivers.map((driver) => driver.driverId))
  )
  expect((await database.driversOf(2)).map((driver) => driver.driverId)).toEqual(
    drivers.slice(0, 2).map((driver) => driver.driverId)
  )
})
