import { Redis } from "ioredis"
import { Client } from "pg"
import { expect, it } from "vitest"
import { identify } from "../../src/embedded/ProcessTable.ts"
import { freshDatabase, freshRedis, ownRedis } from "./TestServices.ts"

const tablesOf = async (url: string): Promise<ReadonlyArray<string>> => {
  const client = new Client({ connectionString: url })
  await client.connect()
  const found = await client.query<{ tablename: string }>("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
  await client.end()
  return found.rows.map((row) => row.tablename)
}

const createTable = async (url: string): Promise<void> => {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query("CREATE TABLE parcel (id int)")
  await client.end()
}

it("gives each caller an empty database of its own and removes it even while it is connected to", async () => {
  const [first, second] = await Promise.all([freshDatabase(), freshDatabase()])
  await createTable(first.url)
  expect(await tablesOf(first.url)).toEqual(["parcel"])
  expect(await tablesOf(second.url)).toEqual([])
  const lingering = new Client({ connectionString: first.url })
  const ended = new Promise((resolve) => lingering.on("error", resolve))
  await lingering.connect()
  await Promise.all([first.drop(), second.drop()])
  await ended
  await expect(tablesOf(first.url)).rejects.toThrow(/does not exist/)
})

it("gives each caller a Redis database of its own", async () => {
  const [first, second] = await Promise.all([freshRedis(), freshRedis()])
  const [a, b] = [new Redis(first.url), new Redis(second.url)]
  await a.set("key", "1")
  expect(await b.get("key")).toBeNull()
  await first.drop()
  expect(await a.get("key")).toBeNull()
  a.disconnect()
  b.disconnect()
})

it("gives a Redis server of its own whose channels nobody else hears", async () => {
  const own = await ownRedis()
  const shared = await freshRedis()
  const [there, here] = [new Redis(own.url), new Redis(shared.url)]
  await there.subscribe("doorbell")
  expect(await here.publish("doorbell", "ring")).toBe(0)
  there.disconnect()
  here.disconnect()
  await own.drop()
  expect(identify(own.pid)).toBeUndefined()
})
