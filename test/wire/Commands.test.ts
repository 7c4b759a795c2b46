import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import { Redis } from "ioredis"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { DriverRegistry } from "../../src/actors/drivers/DriverRegistry.ts"
import type { Frame } from "../../src/protocol/FrameCodec.ts"
import { DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { type EngineUnderTest, startEngine, type TestDriver } from "../kit/EngineUnderTest.ts"
import { signIn, soundPoint } from "../kit/SignedIn.ts"
import { until } from "../kit/Until.ts"
import type { WireClient } from "../kit/WireClient.ts"

let engine: EngineUnderTest
let driver: TestDriver
let phone: WireClient

beforeAll(async () => {
  engine = await startEngine({ limits: { beaconEveryMs: 0 } })
})
afterAll(() => engine.drop())

const begin = async (): Promise<void> => {
  driver = await engine.driver()
  phone = (await signIn(engine, driver)).phone
}

const duty = async (id: string, duty: unknown, occurredAt?: unknown): Promise<Frame> => {
  phone.send([5, id, duty, occurredAt ?? null])
  return phone.next(DriverServerFrame.result)
}

const dutyInDatabase = async () =>
  (await engine.rows("SELECT duty FROM drivers WHERE id = $1", [driver.driverId]))[0]?.duty

describe("DUTY", () => {
  it("is answered once it is decided, and again with the same answer for the same id", async () => {
    await begin()
    const id = randomUUID()
    expect(await duty(id, "on")).toEqual([38, id, true])
    expect(await duty(id, "on")).toEqual([38, id, true])
    expect(await dutyInDatabase()).toBe("on")
    await phone.close()
    phone = (await signIn(engine, driver)).phone
    expect(await duty(id, "on")).toEqual([38, id, true])
    expect(await engine.rows("SELECT 1 FROM driver_duty_changes WHERE driver_id = $1", [driver.driverId])).toHaveLength(
      1
    )
    await phone.close()
  })

  it("with an id that said something else is command_reused and changes nothing", async () => {
    await begin()
    const id = randomUUID()
    await duty(id, "on")
    const [, , ok, detail] = await duty(id, "off")
    expect([ok, (detail as { code: string }).code]).toEqual([false, "command_reused"])
    expect(await dutyInDatabase()).toBe("on")
    phone.send(soundPoint(1, Date.now() + 100))
    await phone.acked(1)
    expect(phone.of(DriverServerFrame.flagged)).toEqual([])
    await phone.close()
  })

  it("with a bad value is refused and may be sent again under the same id", async () => {
    await begin()
    const id = randomUUID()
    for (const [what, at] of [
      ["asleep", null],
      ["on", "now"],
      ["on", 1.5],
      [7, null]
    ] as const) {
      const [, , ok, detail] = await duty(id, what, at)
      expect([ok, (detail as { code: string }).code]).toEqual([false, "bad_value"])
    }
    const future = await duty(id, "on", Date.now() + 3_600_000)
    expect((future[3] as { code: string }).code).toBe("clock_future")
    const past = await duty(id, "on", 1)
    expect((past[3] as { code: string }).code).toBe("clock_past")
    expect(await duty(id, "on")).toEqual([38, id, true])
    await phone.close()
  })

  it("without a readable commandId is malformed", async () => {
    await begin()
    for (const id of [null, 5]) phone.send([5, id, "on"])
    await phone.settle()
    expect(phone.of(DriverServerFrame.refused)).toEqual([
      [34, 1, "malformed_frame", 0],
      [34, 1, "malformed_frame", 0]
    ])
    await phone.close()
  })

  it("logged offline judges the backlog that follows: what was recorded off duty is settled without its place", async () => {
    await begin()
    const t = Date.now() - 100_000
    phone.send([5, randomUUID(), "on", t])
    phone.send([5, randomUUID(), "off", t + 20_000])
    phone.send([5, randomUUID(), "break", t + 30_000])
    phone.send([5, randomUUID(), "on", t + 40_000])
    phone.send([5, randomUUID(), "break", t + 60_000])
    const times = [10_000, 20_000, 20_001, 35_000, 39_999, 40_000, 50_000, 70_000]
    times.forEach((at, i) => phone.send(soundPoint(i + 1, t + at)))
    // A bad value recorded off duty tells its own code, and keeps no place either.
    const [, ...bad] = soundPoint(9, t + 25_000)
    phone.send([2, ...bad.slice(0, 5), -5])
    await phone.acked(9)
    for (let i = 0; i < 5; i++) expect((await phone.next(DriverServerFrame.result))[2]).toBe(true)
    const rows = await engine.rows<{ seq: number; code: string; keys: string }>(
      `SELECT seq::int, code, (SELECT string_agg(k, ',') FROM jsonb_object_keys(detail) AS k) AS keys
       FROM telemetry_quarantine WHERE driver_id = $1 ORDER BY seq`,
      [driver.driverId]
    )
    expect(rows).toEqual([
      { seq: 3, code: "off_duty", keys: "recorded_at" },
      { seq: 4, code: "off_duty", keys: "recorded_at" },
      { seq: 5, code: "off_duty", keys: "recorded_at" },
      { seq: 9, code: "out_of_range", keys: "recorded_at" }
    ])
    expect(await dutyInDatabase()).toBe("break")
    await phone.close()
  })

  it("is known again after the driver has reconnected to another node", async () => {
    await begin()
    const t = Date.now() - 50_000
    await duty(randomUUID(), "off", t)
    await phone.close()
    const other = await startEngine({
      databaseUrl: engine.databaseUrl,
      redisUrl: engine.redisUrl,
      env: { nodeName: "test-2" }
    })
    try {
      phone = (await signIn(other, driver)).phone
      phone.send(soundPoint(1, t - 1))
      phone.send(soundPoint(2, t + 1))
      await phone.acked(2)
      expect(phone.of(DriverServerFrame.flagged)).toEqual([[43, 2, "off_duty"]])
      await phone.close()
    } finally {
      await other.drop()
    }
  })
})

describe("commands whose target does not exist", () => {
  const none = "0190c0de-0000-7000-8000-00000000000f"
  const commands: ReadonlyArray<readonly [name: string, frame: (id: string) => Frame, code: string]> = [
    ["OFFER_REPLY", (id) => [6, id, `asg_${none}`, 1, true, null], "offer_not_found"],
    ["TASK", (id) => [7, id, `asg_${none}`, 1, "arrived", Date.now(), {}], "assignment_not_found"]
  ]
  it.each(commands)("%s is answered with its code", async (_, command, code) => {
    await begin()
    const id = randomUUID()
    phone.send(command(id))
    const [, echoed, ok, detail] = await phone.next(DriverServerFrame.result)
    expect([echoed, ok, (detail as { code: string }).code]).toEqual([id, false, code])
    await phone.close()
  })
})

describe("BEACON", () => {
  it("moves the live marker and the cached one, is never stored or answered, and never moves it back", async () => {
    await begin()
    const now = Date.now()
    phone.send([4, now - 1_000, 525_000_000, 134_000_000, 20_000, null, 500])
    phone.send([4, now - 2_000, 526_000_000, 134_000_000, null, null, null])
    phone.send([4, now - 900, 525_000_010, 134_000_000, null, null, 30_000])
    phone.send([4, "bad"])
    await phone.settle()
    const actor = await engine.run(Effect.map(DriverRegistry, (registry) => registry.find(driver.driverId)))
    expect([actor?.markerRecordedAt, actor?.latE7, actor?.speedCms]).toEqual([now - 1_000, 525_000_000, 7_000])
    expect(phone.frames.map((frame) => frame[0])).toEqual([32, 37, 40])
    expect(await engine.rows("SELECT 1 FROM driver_location_events WHERE driver_id = $1", [driver.driverId])).toEqual(
      []
    )
    const redis = new Redis(engine.redisUrl)
    const cached = await until(
      "the cache has the marker",
      () => redis.get(`driver:{${driver.driverId}}:location`),
      (value) => value !== null
    )
    redis.disconnect()
    expect(JSON.parse(cached ?? "{}")).toMatchObject({ recorded_at: now - 1_000, lat: 52.5, speed_mps: 70 })
    await phone.close()
  })
})

it("answers PING with the client's time and the server's, also before HELLO's answer", async () => {
  await begin()
  phone.send([8, 12_345])
  const [, clientTime, serverTime] = await phone.next(DriverServerFrame.pong)
  expect(clientTime).toBe(12_345)
  expect(Math.abs((serverTime as number) - Date.now())).toBeLessThan(60_000)
  await phone.close()
})
