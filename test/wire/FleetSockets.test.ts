import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { FleetClientFrame, FleetServerFrame } from "../../src/protocol/FrameType.ts"
import { type EngineUnderTest, startEngine } from "../kit/EngineUnderTest.ts"
import { insertUser, type TestUser, tokenOf, watchFleet } from "../kit/FleetWatch.ts"
import type { WireClient } from "../kit/WireClient.ts"

const { snapshot, result } = FleetServerFrame

let engine: EngineUnderTest
let staff: TestUser

beforeAll(async () => {
  engine = await startEngine({ limits: { tokenGraceMs: 300, addressConnectionsMax: 1_000 } })
  staff = await insertUser(engine, "dispatcher")
})
afterAll(() => engine.drop())

const watch = async (view: unknown): Promise<WireClient> =>
  watchFleet(engine.url, { token: await tokenOf(engine, staff), view })

describe("the token of an open socket", () => {
  it("closes it with 4004 when it ends and nothing replaces it, and not when AUTH does", async () => {
    const kept = await watchFleet(engine.url, { token: await tokenOf(engine, staff, 1) })
    const dying = await watchFleet(engine.url, { token: await tokenOf(engine, staff, 1) })
    await kept.next(snapshot)
    kept.send([FleetClientFrame.auth, await tokenOf(engine, staff)])
    const { code, frame } = await dying.goodbye()
    expect([code, frame?.[2]]).toEqual([4004, "token_expired"])
    expect(kept.closed).toBeUndefined()
  })

  it("is not replaced by a bad one (4501), another user's (4504) or one without the role (4504)", async () => {
    const cases: ReadonlyArray<readonly [string, number]> = [
      ["nonsense", 4501],
      [await tokenOf(engine, await insertUser(engine, "dispatcher")), 4504],
      [await tokenOf(engine, { ...staff, roles: ["customer"] }), 4504]
    ]
    for (const [token, code] of cases) {
      const page = await watch(null)
      await page.next(snapshot)
      page.send([FleetClientFrame.auth, token])
      expect(await page.closeCode()).toBe(code)
    }
  })

  it("closes it with 4501 when its session is revoked, and no other dispatcher's", async () => {
    const [leaver, other] = [await insertUser(engine, "dispatcher"), await watch(null)]
    const page = await watchFleet(engine.url, { token: await tokenOf(engine, leaver) })
    await page.next(snapshot)
    await engine.rows("UPDATE auth_sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE id = $1", [
      leaver.sessionId
    ])
    expect((await page.goodbye()).code).toBe(4501)
    expect(other.closed).toBeUndefined()
    const again = await watchFleet(engine.url, { token: await tokenOf(engine, leaver) })
    expect(await again.closeCode()).toBe(4501)
  })
})

describe("malformed frames", () => {
  const bad: ReadonlyArray<readonly [name: string, bytes: Uint8Array]> = [
    ["no MessagePack", Uint8Array.of(0xc1)],
    ["no array", Uint8Array.of(0x07)],
    ["an unknown type", Uint8Array.of(0x91, 0x63)],
    ["a SUBSCRIBE without a version", Uint8Array.of(0x91, 0x01)],
    ["a second SUBSCRIBE", Uint8Array.of(0x92, 0x01, 0x01)]
  ]
  it.each(bad)("%s: is answered twice and closed with 4500 at the third", async (_, bytes) => {
    const page = await watch(null)
    await page.next(snapshot)
    page.sendBytes(bytes)
    page.sendBytes(bytes)
    for (let i = 0; i < 2; i++)
      expect(await page.next(result)).toEqual([result, null, false, { code: "malformed_frame" }])
    page.sendBytes(bytes)
    expect((await page.goodbye()).frame).toEqual([42, 4500, "malformed_frame", 0])
  })
})
