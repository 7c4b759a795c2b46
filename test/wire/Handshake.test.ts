import { request } from "node:http"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { type EngineUnderTest, startEngine, type TestDriver } from "../kit/EngineUnderTest.ts"
import { helloFrame, UpgradeRefused, WireClient } from "../kit/WireClient.ts"

let engine: EngineUnderTest
let driver: TestDriver

beforeAll(async () => {
  engine = await startEngine({ env: { allowedOrigins: ["https://console.example"] } })
  driver = await engine.driver()
})
afterAll(() => engine.drop())

const open = (headers: Record<string, string> = {}, protocols: ReadonlyArray<string> = []) =>
  WireClient.open(`${engine.url}/v1/driver`, { headers, protocols })

const refusalOf = async (opening: Promise<WireClient>): Promise<readonly [number, string | undefined]> => {
  const refused = await opening.then(
    () => undefined,
    (error: unknown) => error
  )
  if (!(refused instanceof UpgradeRefused)) throw new Error(`was not refused: ${String(refused)}`)
  return [refused.status, refused.body.code]
}

describe("a browser's origin", () => {
  const allowed: ReadonlyArray<readonly [name: string, origin: () => string | undefined]> = [
    ["none, as from an app", () => undefined],
    ["the server's own", () => `http://127.0.0.1:${engine.port}`],
    ["the HTTP port's, which pipes to the realtime port", () => "http://localhost:8080"],
    ["one on the allow-list", () => "https://console.example"]
  ]
  it.each(allowed)("%s: is upgraded", async (_, origin) => {
    const value = origin()
    const phone = await open(value === undefined ? {} : { origin: value })
    await phone.close()
  })

  const foreign: ReadonlyArray<readonly [name: string, origin: () => string]> = [
    ["a foreign one", () => "https://evil.example"],
    ["null, as from a sandboxed frame", () => "null"],
    ["an allowed one with a suffix", () => "https://console.example.evil.example"],
    ["an allowed one with a prefix", () => "https://evil-console.example"],
    ["an allowed one over plain http", () => "http://console.example"],
    ["an allowed one on another port", () => "https://console.example:8443"],
    ["the own one with a suffix", () => `http://127.0.0.1:${engine.port}.evil.example`],
    ["the own one with a user", () => `http://evil@127.0.0.1:${engine.port}`],
    ["the own one in another scheme", () => `ftp://127.0.0.1:${engine.port}`]
  ]
  it.each(foreign)("%s: is refused with 403", async (_, origin) => {
    expect(await refusalOf(open({ origin: origin() }))).toEqual([403, "origin_not_allowed"])
  })
})

describe("the token of the upgrade's header", () => {
  it("signs a HELLO in that brings none", async () => {
    const phone = await open({ authorization: `Bearer ${await engine.token(driver)}` })
    phone.send(helloFrame({ token: null }))
    expect((await phone.next(DriverServerFrame.welcome))[2]).toBe(0)
    await phone.close()
  })

  it("is taken with a scheme in any case", async () => {
    const phone = await open({ authorization: `bearer ${await engine.token(driver)}` })
    await phone.close()
  })

  const bad: ReadonlyArray<readonly [name: string, header: () => Promise<string>, code: string]> = [
    ["not a token", async () => "Bearer nonsense", "token_invalid"],
    ["nothing after the scheme", async () => "Bearer", "token_invalid"],
    ["another scheme", async () => `Basic ${await engine.token(driver)}`, "token_invalid"],
    [
      "a signature that does not fit",
      async () => `Bearer ${(await engine.token(driver)).slice(0, -4)}AAAA`,
      "token_invalid"
    ],
    ["expired", async () => `Bearer ${await engine.token(driver, -60)}`, "token_expired"]
  ]
  it.each(bad)("%s: is answered with 401 and no upgrade", async (_, header, code) => {
    expect(await refusalOf(open({ authorization: await header() }))).toEqual([401, code])
  })

  it("is refused once its session is revoked", async () => {
    const other = await engine.driver()
    const token = await engine.token(other)
    const phone = await open({ authorization: `Bearer ${token}` })
    await engine.rows("UPDATE auth_sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE id = $1", [
      other.authSessionId
    ])
    expect(await phone.closeCode()).toBe(4501)
    expect(await refusalOf(open({ authorization: `Bearer ${token}` }))).toEqual([401, "token_invalid"])
  })
})

describe("the subprotocol", () => {
  it("is echoed when it is one of ours", async () => {
    for (const name of ["dropmate.json", "dropmate.msgpack"]) {
      const phone = await open({}, [name])
      expect(phone.socket.protocol).toBe(name)
      await phone.close()
    }
  })

  it("is the first of ours among several", async () => {
    const phone = await open({}, ["mqtt", "dropmate.msgpack", "dropmate.json"])
    expect(phone.socket.protocol).toBe("dropmate.msgpack")
    await phone.close()
  })

  it("is MessagePack when none is asked for", async () => {
    const phone = await open()
    expect(phone.socket.protocol).toBe("")
    phone.send([8, 7])
    expect((await phone.next(DriverServerFrame.pong))[1]).toBe(7)
    await phone.close()
  })
})

it("never negotiates compression", async () => {
  const phone = await WireClient.open(`${engine.url}/v1/driver`, { perMessageDeflate: true })
  expect(phone.socket.extensions).toBe("")
  await phone.close()
})

it("answers other paths with 404 and plain HTTP on the path with an HTTP error", async () => {
  expect((await refusalOf(WireClient.open(`${engine.url}/v1/nowhere`)))[0]).toBe(404)
  const status = await new Promise<number | undefined>((resolve, reject) => {
    request({ port: engine.port, path: "/v1/driver" }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on("error", reject)
      .end()
  })
  expect(status).toBeGreaterThanOrEqual(400)
})

it("refuses the connection above the cap of an address with 429, and takes one again when another has gone", async () => {
  const small = await startEngine({ limits: { addressConnectionsMax: 2 } })
  try {
    const url = `${small.url}/v1/driver`
    const [first, second] = [await WireClient.open(url), await WireClient.open(url)]
    expect(await refusalOf(WireClient.open(url))).toEqual([429, "too_many_connections"])
    await first.close()
    await (await WireClient.open(url)).close()
    await second.close()
  } finally {
    await small.drop()
  }
})

it("does not believe a peer address that a client names itself", async () => {
  const small = await startEngine({ limits: { addressConnectionsMax: 1 } })
  try {
    const url = `${small.url}/v1/driver`
    const first = await WireClient.open(url)
    const forged = WireClient.open(url, { headers: { "x-dropmate-peer": "203.0.113.9;AAAA" } })
    expect(await refusalOf(forged)).toEqual([429, "too_many_connections"])
    await first.close()
  } finally {
    await small.drop()
  }
})
