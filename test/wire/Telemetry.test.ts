import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Frame } from "../../src/protocol/FrameCodec.ts"
import { DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { type EngineUnderTest, startEngine, type TestDriver } from "../kit/EngineUnderTest.ts"
import { signIn, soundBatch, soundPoint } from "../kit/SignedIn.ts"
import { until } from "../kit/Until.ts"
import type { WireClient } from "../kit/WireClient.ts"

let engine: EngineUnderTest
let driver: TestDriver
let phone: WireClient

beforeAll(async () => {
  engine = await startEngine({ limits: { windowPoints: 600, refusedRepeatMs: 300 } })
})
afterAll(() => engine.drop())

const begin = async (protocols: ReadonlyArray<string> = []): Promise<void> => {
  driver = await engine.driver()
  phone = (await signIn(engine, driver, {}, protocols)).phone
}

const stored = async (): Promise<ReadonlyArray<number>> =>
  (
    await engine.rows<{ seq: string }>("SELECT seq FROM driver_location_events WHERE driver_id = $1 ORDER BY seq", [
      driver.driverId
    ])
  ).map((row) => Number(row.seq))

const quarantined = () =>
  engine.rows<{ seq: string; code: string; detail: Record<string, unknown> }>(
    "SELECT seq, code, detail FROM telemetry_quarantine WHERE driver_id = $1 ORDER BY seq",
    [driver.driverId]
  )

const refusals = (): ReadonlyArray<Frame> => phone.of(DriverServerFrame.refused)

describe("an acknowledgement", () => {
  it("comes only after the commit", async () => {
    await begin()
    phone.send(soundBatch(1, 100))
    const [, seq] = await phone.next(DriverServerFrame.ack)
    expect((await stored()).length).toBeGreaterThanOrEqual(seq as number)
    await phone.acked(100)
    expect((await stored()).length).toBe(100)
    await phone.close()
  })

  it("of points that are committed already comes at once, and they are not stored again", async () => {
    await begin()
    phone.send(soundBatch(1, 10))
    await phone.acked(10)
    const before = phone.of(DriverServerFrame.ack).length
    phone.send(soundBatch(3, 5))
    await phone.settle()
    expect(phone.of(DriverServerFrame.ack).slice(before)).toEqual([[DriverServerFrame.ack, 10]])
    phone.send(soundBatch(8, 5))
    await phone.acked(12)
    expect(await stored()).toEqual(Array.from({ length: 12 }, (_, i) => i + 1))
    await phone.close()
  })
})

describe("a gap in the sequence", () => {
  it("is refused with the expected number, at most once in the repeat time, until that number arrives", async () => {
    await begin()
    phone.send(soundPoint(1))
    phone.send(soundPoint(3))
    phone.send(soundPoint(4))
    phone.send(soundBatch(5, 20))
    await phone.settle()
    expect(refusals()).toEqual([[DriverServerFrame.refused, 2, "sequence_gap", engine.limits.refusedRetryAfterMs]])
    await until(
      "the refusal is repeated",
      async () => {
        phone.send(soundPoint(9))
        await phone.settle()
        return refusals().length
      },
      (count) => count === 2
    )
    phone.send(soundBatch(2, 8))
    await phone.acked(9)
    expect(await stored()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    phone.send(soundPoint(11))
    await phone.settle()
    expect(refusals().length).toBe(3)
    await phone.close()
  })
})

describe("credit", () => {
  it("that is exceeded is refused from the first point beyond, and the points within are kept", async () => {
    await begin()
    // Written in one go, so that no acknowledgement can come in between.
    phone.socket.pause()
    phone.send(soundBatch(1, 400))
    phone.send(soundBatch(401, 400))
    phone.socket.resume()
    await phone.acked(600)
    expect(refusals()).toEqual([[DriverServerFrame.refused, 601, "credit_exceeded", engine.limits.refusedRetryAfterMs]])
    phone.send(soundBatch(601, 200))
    await phone.acked(800)
    expect((await stored()).length).toBe(800)
    await phone.close()
  })

  it("that is exceeded ten times in a minute closes with 4005", async () => {
    await begin()
    let from = 1
    for (let i = 0; i < 10 && phone.closed === undefined; i++) {
      phone.send(soundBatch(from, 400))
      phone.send(soundBatch(from + 400, 400))
      from += 600
      if (i < 9) await phone.acked(from - 1)
    }
    const { code, frame } = await phone.goodbye()
    expect(code).toBe(4005)
    expect(frame).toEqual([42, 4005, "rate_exceeded", engine.limits.retryAfterMs])
  })
})

describe("a bad value", () => {
  const now = Date.now()
  const bad: ReadonlyArray<readonly [name: string, index: number, value: unknown, code: string]> = [
    ["no time", 2, null, "wrong_type"],
    ["a time that is text", 2, "now", "wrong_type"],
    ["a time that is no integer", 2, now + 0.5, "wrong_type"],
    ["a time beyond 2^53", 2, 2 ** 60, "out_of_range"],
    ["a time 3 minutes ahead", 2, now + 180_000, "clock_future"],
    ["a time 73 hours back", 2, now - 73 * 3_600_000, "clock_past"],
    ["a latitude of 91", 3, 910_000_000, "out_of_range"],
    ["a latitude that is not a number", 3, Number.NaN, "not_finite"],
    ["a longitude that is infinite", 4, Number.POSITIVE_INFINITY, "not_finite"],
    ["a longitude of -181", 4, -1_810_000_000, "out_of_range"],
    ["no latitude", 3, null, "wrong_type"],
    ["a speed below 0", 5, -1, "out_of_range"],
    ["a heading of 360", 6, 36_000, "out_of_range"],
    ["an accuracy of 0", 7, 0, "out_of_range"],
    ["a battery of 101", 8, 101, "out_of_range"],
    ["a source of 5", 9, 5, "out_of_range"],
    ["a source that is a map", 9, { gps: true }, "wrong_type"]
  ]
  it.each(bad)(
    "in a POINT (%s) is settled, flagged before its ACK, and the sequence goes on",
    async (_, index, value, code) => {
      await begin()
      const point = [...soundPoint(2)]
      point[index] = value
      phone.send(soundPoint(1))
      phone.send(point)
      phone.send(soundPoint(3))
      await phone.acked(3)
      expect(await stored()).toEqual([1, 3])
      expect(await quarantined()).toMatchObject([{ seq: "2", code }])
      const flagged = phone.frames.findIndex((frame) => frame[0] === DriverServerFrame.flagged)
      const acked = phone.frames.findIndex((frame) => frame[0] === DriverServerFrame.ack && (frame[1] as number) >= 2)
      expect(phone.frames[flagged]).toEqual([DriverServerFrame.flagged, 2, code])
      expect(flagged).toBeLessThan(acked)
      await phone.close()
    }
  )

  it("in a BATCH spoils no neighbour, and later differences count from the last good value", async () => {
    await begin()
    const t0 = Date.now() - 1_000
    phone.send([
      3,
      1,
      t0,
      [0, -5, 10, 10],
      [100, Number.NaN, "x", 5],
      [200, 1, null, 5],
      [1, 2, 3, 4],
      null,
      null,
      null,
      null
    ])
    await phone.acked(4)
    const rows = await engine.rows<{ seq: string; at: string; lat: number; lng: number; source: string }>(
      `SELECT seq, (extract(epoch FROM recorded_at) * 1000)::bigint AS at, lat, lng, source
       FROM driver_location_events WHERE driver_id = $1 ORDER BY seq`,
      [driver.driverId]
    )
    expect(rows).toEqual([
      { seq: "1", at: String(t0), lat: 100 / 1e7, lng: 200 / 1e7, source: "gps" },
      { seq: "4", at: String(t0 + 20), lat: 105 / 1e7, lng: 206 / 1e7, source: "gps" }
    ])
    expect((await quarantined()).map((row) => [row.seq, row.code])).toEqual([
      ["2", "out_of_range"],
      ["3", "wrong_type"]
    ])
    await phone.close()
  })

  it("in what a batch has once settles every point of it", async () => {
    await begin()
    phone.send([3, 1, "never", [0, 1, 1], [1, 1, 1], [1, 1, 1]])
    phone.send([3, 4, Date.now(), [0, 0], [1, 1], [1, 1], null, null, null, 200])
    await phone.acked(5)
    expect((await quarantined()).map((row) => row.code)).toEqual([
      "wrong_type",
      "wrong_type",
      "wrong_type",
      "out_of_range",
      "out_of_range"
    ])
    await phone.close()
  })
})

describe("what is implausible", () => {
  it("is stored with a flag, clamped, with the raw value beside it", async () => {
    await begin()
    const now = Date.now()
    phone.send([2, 1, now - 3_000, 0, 0, 10_000, 0, 25_000])
    phone.send([2, 2, now - 2_000, 10_000_000, 0, 100, 0, 500])
    phone.send([2, 3, now - 1_000, 10_000_010, 0, 100, 0, 500])
    phone.send([2, 4, now - 120_000, 10_000_010, 0, 100, 0, 500])
    await phone.acked(4)
    const rows = await engine.rows(
      `SELECT seq::int, flags, speed, speed_raw_cms, accuracy, accuracy_raw_cm
       FROM driver_location_events WHERE driver_id = $1 ORDER BY seq`,
      [driver.driverId]
    )
    expect(rows).toEqual([
      { seq: 1, flags: 5, speed: 70, speed_raw_cms: 10_000, accuracy: null, accuracy_raw_cm: 25_000 },
      { seq: 2, flags: 2, speed: 1, speed_raw_cms: null, accuracy: 5, accuracy_raw_cm: null },
      { seq: 3, flags: 0, speed: 1, speed_raw_cms: null, accuracy: 5, accuracy_raw_cm: null },
      { seq: 4, flags: 8, speed: 1, speed_raw_cms: null, accuracy: 5, accuracy_raw_cm: null }
    ])
    const [marker] = await engine.rows<{ at: string }>(
      "SELECT (extract(epoch FROM recorded_at) * 1000)::bigint AS at FROM active_driver_locations WHERE driver_id = $1",
      [driver.driverId]
    )
    expect(marker?.at).toBe(String(now - 1_000))
    await phone.close()
  })
})

it("speaks JSON with the subprotocol dropmate.json from HELLO to close", async () => {
  await begin(["dropmate.json"])
  phone.send(soundPoint(1))
  phone.send(soundBatch(2, 3))
  phone.socket.send("[2, 5, 1e400, 1, 1]")
  phone.send(soundPoint(9))
  phone.send([8, 123])
  await phone.acked(5)
  expect(await stored()).toEqual([1, 2, 3, 4])
  expect(phone.of(DriverServerFrame.flagged)).toEqual([[DriverServerFrame.flagged, 5, "not_finite"]])
  expect(refusals()[0]).toEqual([DriverServerFrame.refused, 6, "sequence_gap", engine.limits.refusedRetryAfterMs])
  const commandId = "0190C0DE-0000-7000-8000-000000000001"
  phone.send([5, commandId, "on"])
  expect((await phone.next(DriverServerFrame.result)).slice(0, 3)).toEqual([DriverServerFrame.result, commandId, true])
  for (const text of ["not json", '{"type": 8}', "[99]"]) phone.socket.send(text)
  const { code, frame } = await phone.goodbye()
  expect(code).toBe(4500)
  expect(frame).toEqual([42, 4500, "malformed_frame", 0])
})
