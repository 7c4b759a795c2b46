import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { type EngineUnderTest, startEngine } from "../kit/EngineUnderTest.ts"
import { signIn, soundBatch, soundPoint } from "../kit/SignedIn.ts"
import { type HelloFields, helloFrame, WireClient } from "../kit/WireClient.ts"

let engine: EngineUnderTest

beforeAll(async () => {
  engine = await startEngine({ limits: { driverConnectionsMax: 2, devicesPerDriverMax: 6 } })
})
afterAll(() => engine.drop())

const closeCodeOf = async (fields: HelloFields): Promise<number> => {
  const phone = await WireClient.open(`${engine.url}/v1/driver`)
  phone.send(helloFrame(fields))
  return (await phone.goodbye()).code
}

describe("WELCOME", () => {
  it("tells a new device its session, 0, the window, the server's time and the cadence, and TASKS follows", async () => {
    const driver = await engine.driver()
    const before = Date.now()
    const { phone, welcome } = await signIn(engine, driver)
    const [, sessionId, ackedSeq, window, serverTime, cadence, lastRecordedAt] = welcome
    expect(sessionId).toMatch(/^ses_[0-9a-f-]{36}$/)
    expect([ackedSeq, window, lastRecordedAt]).toEqual([0, 1_000, undefined])
    expect(serverTime).toBeGreaterThanOrEqual(before)
    expect(cadence).toEqual({ moving_ms: 2_000, idle_ms: 20_000, batch: 1 })
    expect(await phone.nextAny()).toEqual([DriverServerFrame.tasks, 0, []])
    await phone.close()
  })

  it("tells a known device the last committed number and that point's time", async () => {
    const driver = await engine.driver()
    const { phone } = await signIn(engine, driver)
    const recordedAt = Date.now() - 5_000
    phone.send(soundPoint(1, recordedAt - 1_000))
    phone.send(soundPoint(2, recordedAt))
    await phone.acked(2)
    await phone.close()
    const again = await signIn(engine, driver)
    expect(again.welcome[2]).toBe(2)
    expect(again.welcome[6]).toBe(recordedAt)
    await again.phone.close()
  })

  const unreadable: ReadonlyArray<readonly [name: string, recordedAt: unknown, known: unknown]> = [
    ["a fraction", 1_700_000_000_000.5, undefined],
    ["text", "yesterday", undefined],
    ["the year 2500, which microseconds cannot hold exactly", 16_725_225_600_001, undefined],
    ["1970", 1, 1]
  ]
  it.each(unreadable)("never tells a time that differs from what the phone sent: %s", async (_, recordedAt, known) => {
    const driver = await engine.driver()
    const { phone } = await signIn(engine, driver)
    phone.send([2, 1, recordedAt, 1, 1])
    await phone.acked(1)
    await phone.close()
    const again = await signIn(engine, driver)
    expect(again.welcome[2]).toBe(1)
    expect(again.welcome[6]).toBe(known)
    await again.phone.close()
  })

  it("counts each device of a driver by itself", async () => {
    const driver = await engine.driver()
    const one = await signIn(engine, driver, { deviceId: "one" })
    const two = await signIn(engine, driver, { deviceId: "two" })
    one.phone.send(soundBatch(1, 3))
    two.phone.send(soundPoint(1))
    await Promise.all([one.phone.acked(3), two.phone.acked(1)])
    const rows = await engine.rows<{ device_no: number; n: string }>(
      "SELECT device_no, count(*) AS n FROM driver_location_events WHERE driver_id = $1 GROUP BY 1 ORDER BY 1",
      [driver.driverId]
    )
    expect(rows).toEqual([
      { device_no: 1, n: "3" },
      { device_no: 2, n: "1" }
    ])
    await Promise.all([one.phone.close(), two.phone.close()])
  })
})

describe("a HELLO that is not welcome", () => {
  it("of another version is closed with 4505, whatever its other fields are", async () => {
    const token = await engine.token(await engine.driver())
    expect(await closeCodeOf({ token, version: 2 })).toBe(4505)
    expect(await closeCodeOf({ token, version: 2, deviceId: { model: "x" }, platform: 9 })).toBe(4505)
  })

  it("without a token is closed with 4501", async () => {
    expect(await closeCodeOf({ token: null })).toBe(4501)
  })

  it("with a token that is none is closed with 4501", async () => {
    expect(await closeCodeOf({ token: "x.y.z" })).toBe(4501)
  })

  it("with an expired token is closed with 4004", async () => {
    expect(await closeCodeOf({ token: await engine.token(await engine.driver(), -60) })).toBe(4004)
  })

  it("of a user who drives nothing is closed with 4504", async () => {
    const driver = await engine.driver()
    expect(await closeCodeOf({ token: await engine.token({ ...driver, driverId: driver.userId }) })).toBe(4504)
  })

  it("of a suspended driver is closed with 4504", async () => {
    const driver = await engine.driver()
    await engine.rows("UPDATE drivers SET employment_status = 'suspended' WHERE id = $1", [driver.driverId])
    expect(await closeCodeOf({ token: await engine.token(driver) })).toBe(4504)
  })

  it("of a seventh device is closed with 4504 where six are allowed", async () => {
    const driver = await engine.driver()
    for (let i = 0; i < 6; i++) await (await signIn(engine, driver, { deviceId: `d${i}` })).phone.close()
    expect(await closeCodeOf({ token: await engine.token(driver), deviceId: "d6" })).toBe(4504)
    await (await signIn(engine, driver, { deviceId: "d3" })).phone.close()
  })

  it("of a third connection is closed with 4509 where a driver may have two, and the two go on", async () => {
    const driver = await engine.driver()
    const [one, two] = [
      await signIn(engine, driver, { deviceId: "a" }),
      await signIn(engine, driver, { deviceId: "b" })
    ]
    expect(await closeCodeOf({ token: await engine.token(driver), deviceId: "c" })).toBe(4509)
    await Promise.all([one.phone.settle(), two.phone.settle()])
    await Promise.all([one.phone.close(), two.phone.close()])
  })

  const malformed: ReadonlyArray<readonly [string, HelloFields]> = [
    ["an empty deviceId", { deviceId: "" }],
    ["a deviceId of 129 characters", { deviceId: "x".repeat(129) }],
    ["a deviceId with a NUL", { deviceId: "a\0b" }],
    ["a deviceId that is a number", { deviceId: 5 }],
    ["an unknown platform", { platform: "symbian" }],
    ["capabilities that are no list", { capabilities: "all" }],
    ["33 capabilities", { capabilities: Array.from({ length: 33 }, () => "x") }],
    ["a negative attempt", { attempt: -1 }],
    ["an attempt that is no integer", { attempt: 1.5 }],
    ["a version that is no number", { version: "1" }]
  ]
  it.each(malformed)("for %s is malformed, and a good one after it is welcome", async (_, fields) => {
    const token = await engine.token(await engine.driver())
    const phone = await WireClient.open(`${engine.url}/v1/driver`)
    phone.send(helloFrame({ token, ...fields }))
    expect(await phone.nextAny()).toEqual([DriverServerFrame.refused, 0, "malformed_frame", 0])
    phone.send(helloFrame({ token }))
    await phone.next(DriverServerFrame.welcome)
    await phone.close()
  })
})

describe("a takeover", () => {
  it("closes the old connection with 4503 and loses and doubles nothing", async () => {
    const driver = await engine.driver()
    const old = await signIn(engine, driver, { attempt: 1 })
    for (let first = 1; first <= 401; first += 50) old.phone.send(soundBatch(first, 50))
    const { phone, welcome } = await signIn(engine, driver, { attempt: 2 })
    expect((await old.phone.goodbye()).code).toBe(4503)
    const from = (welcome[2] as number) + 1
    phone.send(soundBatch(from, 460 - from))
    await phone.acked(459)
    const [row] = await engine.rows<{ n: string; d: string }>(
      "SELECT count(*) AS n, count(DISTINCT seq) AS d FROM driver_location_events WHERE driver_id = $1",
      [driver.driverId]
    )
    expect(row).toEqual({ n: "459", d: "459" })
    await phone.close()
  })

  it("is refused with 4503 for a lower attempt, and the newer connection lives on", async () => {
    const driver = await engine.driver()
    const { phone } = await signIn(engine, driver, { attempt: 7 })
    expect(await closeCodeOf({ token: await engine.token(driver), attempt: 6 })).toBe(4503)
    phone.send(soundPoint(1))
    await phone.acked(1)
    await phone.close()
  })

  it("is granted to an equal attempt", async () => {
    const driver = await engine.driver()
    const old = await signIn(engine, driver, { attempt: 7 })
    const { phone } = await signIn(engine, driver, { attempt: 7 })
    expect(await old.phone.closeCode()).toBe(4503)
    await phone.close()
  })

  it("counts no attempt as the stored one and one more", async () => {
    const driver = await engine.driver()
    await (await signIn(engine, driver, { attempt: 7 })).phone.close()
    await (await signIn(engine, driver)).phone.close()
    expect(await closeCodeOf({ token: await engine.token(driver), attempt: 7 })).toBe(4503)
    await (await signIn(engine, driver, { attempt: 8 })).phone.close()
  })

  it("works between two nodes", async () => {
    const driver = await engine.driver()
    const other = await startEngine({
      databaseUrl: engine.databaseUrl,
      redisUrl: engine.redisUrl,
      env: { nodeName: "test-2" }
    })
    try {
      const old = await signIn(engine, driver, { attempt: 1 })
      old.phone.send(soundBatch(1, 200))
      const { phone, welcome } = await signIn(other, driver, { attempt: 2 })
      expect(await old.phone.closeCode()).toBe(4503)
      const from = (welcome[2] as number) + 1
      if (from <= 200) phone.send(soundBatch(from, 201 - from))
      phone.send(soundPoint(201))
      await phone.acked(201)
      const [row] = await engine.rows<{ n: string }>(
        "SELECT count(DISTINCT seq) || '/' || count(*) AS n FROM driver_location_events WHERE driver_id = $1",
        [driver.driverId]
      )
      expect(row?.n).toBe("201/201")
      await phone.close()
    } finally {
      await other.drop()
    }
  })
})

describe("a second HELLO on one connection", () => {
  it("with a new deviceId begins at 0, and no number of the old device is heard after its WELCOME", async () => {
    const driver = await engine.driver()
    const { phone } = await signIn(engine, driver, { deviceId: "restored" })
    phone.send(soundBatch(1, 500))
    phone.send(helloFrame({ token: await engine.token(driver), deviceId: "fresh" }))
    const welcome = await phone.next(DriverServerFrame.welcome)
    expect(welcome[2]).toBe(0)
    for (const seq of [1, 2, 3]) {
      phone.send(soundPoint(seq))
      expect(await phone.next(DriverServerFrame.ack)).toEqual([DriverServerFrame.ack, seq])
    }
    await phone.close()
  })

  it("with the same deviceId goes on where the device stands", async () => {
    const driver = await engine.driver()
    const { phone } = await signIn(engine, driver)
    phone.send(soundBatch(1, 500))
    phone.send(helloFrame({ token: await engine.token(driver) }))
    const welcome = await phone.next(DriverServerFrame.welcome)
    const from = (welcome[2] as number) + 1
    if (from <= 500) phone.send(soundBatch(from, 501 - from))
    phone.send(soundPoint(501))
    await phone.acked(501)
    expect(phone.closed).toBeUndefined()
    await phone.close()
  })
})
