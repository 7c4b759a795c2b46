import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { type EngineUnderTest, startEngine } from "../kit/EngineUnderTest.ts"
import { proxyDatabase } from "../kit/FaultProxy.ts"
import { signIn, soundBatch, soundPoint } from "../kit/SignedIn.ts"
import { until } from "../kit/Until.ts"
import { helloFrame, WireClient } from "../kit/WireClient.ts"

let engine: EngineUnderTest

beforeAll(async () => {
  engine = await startEngine({
    limits: { firstFrameMs: 300, tokenGraceMs: 500, pingEveryMs: 200, socketSilentMs: 1_500, framesPerSecondMax: 3_000 }
  })
})
afterAll(() => engine.drop())

const raw = () => WireClient.open(`${engine.url}/v1/driver`)

describe("malformed frames", () => {
  const kinds: ReadonlyArray<readonly [string, Uint8Array]> = [
    ["bytes that are not MessagePack", Uint8Array.of(0xc1)],
    ["a truncated array", Uint8Array.of(0x93, 0x08)],
    ["bytes after the frame", Uint8Array.of(0x92, 0x08, 0x01, 0x00)],
    ["a map", Uint8Array.of(0x81, 0x00, 0x08)],
    ["an empty array", Uint8Array.of(0x90)],
    ["an unknown type", Uint8Array.of(0x91, 0x63)],
    ["a type that is text", Uint8Array.of(0x91, 0xa1, 0x38)],
    ["a POINT without seq", Uint8Array.of(0x91, 0x02)],
    ["a POINT with seq 0", Uint8Array.of(0x92, 0x02, 0x00)],
    ["a BATCH of nothing", Uint8Array.of(0x96, 0x03, 0x01, 0x01, 0x90, 0x90, 0x90)],
    ["a BATCH of unequal columns", Uint8Array.of(0x96, 0x03, 0x01, 0x01, 0x91, 0x00, 0x92, 0x01, 0x01, 0x91, 0x01)],
    ["a frame nested too deep", Uint8Array.of(0x92, 0x08, 0x91, 0x91, 0x91, 0x91, 0x01)],
    ["nothing at all", Uint8Array.of()]
  ]
  it.each(kinds)("%s: answered twice with where the phone stands, then closed with 4500", async (_, bytes) => {
    const { phone } = await signIn(engine, await engine.driver())
    phone.send(soundPoint(1))
    await phone.acked(1)
    for (let i = 0; i < 3; i++) phone.sendBytes(bytes)
    expect((await phone.goodbye()).code).toBe(4500)
    expect(phone.of(DriverServerFrame.refused)).toEqual([
      [34, 2, "malformed_frame", 0],
      [34, 2, "malformed_frame", 0]
    ])
  })

  it("before WELCOME are answered with 0", async () => {
    const phone = await raw()
    phone.send(soundPoint(1))
    expect(await phone.nextAny()).toEqual([34, 0, "malformed_frame", 0])
    await phone.close()
  })

  it("leave the points around them alone", async () => {
    const { phone } = await signIn(engine, await engine.driver())
    phone.send(soundPoint(1))
    phone.sendBytes(Uint8Array.of(0xc1))
    phone.send(soundPoint(2))
    phone.sendBytes(Uint8Array.of(0xc1))
    phone.send(soundPoint(3))
    await phone.acked(3)
    await phone.close()
  })
})

it("closes a frame over 16 KiB at once, seen as 1006, and takes one of exactly 16 KiB", async () => {
  const exact = await raw()
  exact.sendBytes(new Uint8Array(16_384).fill(0xc1))
  expect(await exact.nextAny()).toEqual([34, 0, "malformed_frame", 0])
  exact.sendBytes(new Uint8Array(16_385).fill(0xc1))
  expect(await exact.closeCode()).toBe(1006)
})

it("closes a connection that does not say who it is with 4502, also when it pings", async () => {
  const phone = await raw()
  phone.send([8, 1])
  const { code, frame } = await phone.goodbye()
  expect([code, frame]).toEqual([4502, [42, 4502, "not_authenticated_in_time", 0]])
})

it("keeps a silent phone that answers pings, and closes one that does not with 4002", async () => {
  const kept = await signIn(engine, await engine.driver())
  const lost = await WireClient.open(`${engine.url}/v1/driver`, { autoPong: false })
  lost.send(helloFrame({ token: await engine.token(await engine.driver()) }))
  expect((await lost.goodbye()).code).toBe(4002)
  expect(kept.phone.closed).toBeUndefined()
  await kept.phone.close()
})

describe("a token that ends while connected", () => {
  it("closes with 4004 after the grace", async () => {
    const driver = await engine.driver()
    const { phone } = await signIn(engine, driver, { token: await engine.token(driver, 1) })
    const { code, frame } = await phone.goodbye()
    expect([code, frame?.[2]]).toEqual([4004, "token_expired"])
  })

  it("is replaced by AUTH", async () => {
    const driver = await engine.driver()
    const { phone } = await signIn(engine, driver, { token: await engine.token(driver, 1) })
    const dying = await signIn(engine, await engine.driver(), { token: await engine.token(await engine.driver(), 1) })
    phone.send([9, await engine.token(driver)])
    await dying.phone.closeCode()
    phone.send(soundPoint(1))
    await phone.acked(1)
    await phone.close()
  })

  it("is not replaced by an AUTH that has expired itself, which closes nothing before the deadline", async () => {
    const driver = await engine.driver()
    const { phone } = await signIn(engine, driver, { token: await engine.token(driver, 2) })
    phone.send([9, await engine.token(driver, -60)])
    phone.send(soundPoint(1))
    await phone.acked(1)
    expect(phone.closed).toBeUndefined()
    expect(await phone.closeCode()).toBe(4004)
  })

  it("is not replaced by a bad AUTH (4501) or another driver's (4504)", async () => {
    const driver = await engine.driver()
    const other = await engine.driver()
    const cases = [
      ["nonsense", 4501],
      [await engine.token(other), 4504]
    ] as const
    for (const [token, code] of cases) {
      const { phone } = await signIn(engine, driver)
      phone.send([9, token])
      expect(await phone.closeCode()).toBe(code)
    }
  })
})

describe("a revocation", () => {
  it("of the session closes its sockets with 4501 and no others", async () => {
    const [driver, other] = [await engine.driver(), await engine.driver()]
    const [{ phone }, kept] = [await signIn(engine, driver), await signIn(engine, other)]
    await engine.rows("UPDATE auth_sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE id = $1", [
      driver.authSessionId
    ])
    expect((await phone.goodbye()).code).toBe(4501)
    await kept.phone.settle()
    await kept.phone.close()
  })

  it("of the user closes with 4501, and a HELLO after it too", async () => {
    const driver = await engine.driver()
    const { phone } = await signIn(engine, driver)
    await engine.rows("UPDATE users SET status = 'disabled' WHERE id = $1", [driver.userId])
    expect((await phone.goodbye()).code).toBe(4501)
    const again = await raw()
    again.send(helloFrame({ token: await engine.token(driver) }))
    expect(await again.closeCode()).toBe(4501)
  })
})

it("closes a socket that sends too many frames a second with 4005", async () => {
  const { phone } = await signIn(engine, await engine.driver())
  for (let i = 0; i < 4_000; i++) phone.send([8, i])
  expect((await phone.goodbye()).code).toBe(4005)
})

it("closes a reader that does not read with 4001, and the server holds no more than its bound", async () => {
  const small = await startEngine({ limits: { closeAnswerMs: 500 } })
  try {
    const { phone } = await signIn(small, await small.driver())
    phone.socket.pause()
    const flood = (): void => {
      for (let i = 0; i < 15_000; i++) phone.send([8, Date.now()])
    }
    flood()
    await until(
      "the server lets go",
      async () => {
        if (phone.socket.readyState === phone.socket.OPEN) flood()
        const [row] = await small.rows<{ end_code: number | null }>("SELECT end_code FROM driver_sessions")
        return row?.end_code
      },
      (code) => code === 1006 || code === 4001 || code === 4005
    )
    phone.terminate()
  } finally {
    await small.drop()
  }
})

it("says GOODBYE 4000 when it drains, after everything taken is acknowledged, and records how the session ended", async () => {
  const draining = await startEngine()
  const { phone } = await signIn(draining, await draining.driver())
  phone.send(soundBatch(1, 300))
  await phone.settle()
  await draining.stop()
  const { code, frame } = await phone.goodbye()
  expect([code, frame?.[1], frame?.[2]]).toEqual([4000, 4000, "draining"])
  expect(phone.of(DriverServerFrame.ack).at(-1)).toEqual([33, 300])
  const again = await startEngine({ databaseUrl: draining.databaseUrl, redisUrl: draining.redisUrl })
  expect(await again.rows("SELECT end_code FROM driver_sessions")).toEqual([{ end_code: 4000 }])
  await again.drop()
  await draining.drop()
})

describe("with PostgreSQL away", () => {
  it("credit closes, nothing is acknowledged, HELLO is closed with 4006, and with its return everything is committed", async () => {
    const home = await startEngine()
    const { proxy, url } = await proxyDatabase(home.databaseUrl)
    const away = await startEngine({
      databaseUrl: url,
      redisUrl: home.redisUrl,
      limits: { windowPoints: 500, windowGraceMs: 200, databaseConnectMs: 1_000 },
      env: { nodeName: "test-2" }
    })
    try {
      const driver = await home.driver()
      const { phone } = await signIn(away, driver)
      phone.send(soundBatch(1, 10))
      await phone.acked(10)
      proxy.cut()
      phone.send(soundBatch(11, 10))
      expect(await phone.next(DriverServerFrame.credit)).toEqual([41, 0])
      const late = await WireClient.open(`${away.url}/v1/driver`)
      late.send(helloFrame({ token: await away.token(driver), deviceId: "late" }))
      expect((await late.goodbye()).frame).toEqual([42, 4006, "database_unavailable", away.limits.retryAfterMs])
      let seq = 21
      await until(
        "points beyond the closed credit are refused",
        async () => {
          phone.send(soundPoint(seq++))
          await phone.settle()
          return phone.of(DriverServerFrame.refused).length
        },
        (count) => count > 0
      )
      expect(phone.of(DriverServerFrame.refused)[0]?.[2]).toBe("credit_exceeded")
      expect(phone.of(DriverServerFrame.ack).at(-1)).toEqual([33, 10])
      proxy.restore()
      expect(await phone.next(DriverServerFrame.credit)).toEqual([41, 500])
      const last = phone.of(DriverServerFrame.refused).at(-1)?.[1] as number
      phone.send(soundBatch(last, 30))
      await phone.acked(last + 29)
      const [row] = await home.rows<{ n: string }>(
        "SELECT count(DISTINCT seq) || '/' || count(*) AS n FROM driver_location_events WHERE driver_id = $1",
        [driver.driverId]
      )
      expect(row?.n).toBe(`${last + 29}/${last + 29}`)
      await phone.close()
    } finally {
      await away.drop()
      await proxy.stop()
      await home.drop()
    }
  })
})
