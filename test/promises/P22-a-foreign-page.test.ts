import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type EngineUnderTest, startEngine } from "../kit/EngineUnderTest.ts"
import { insertUser, tokenOf } from "../kit/FleetWatch.ts"
import { reportPromise } from "../kit/PromiseSize.ts"
import { TrackedOrders } from "../kit/TrackedOrders.ts"
import { UpgradeRefused, WireClient } from "../kit/WireClient.ts"

let engine: EngineUnderTest
let tokens: Readonly<Record<string, string>>

beforeAll(async () => {
  engine = await startEngine({ env: { allowedOrigins: ["https://console.example"] } })
  const orders = await TrackedOrders.open(engine.databaseUrl)
  tokens = {
    "/v1/driver": await engine.token(await engine.driver()),
    "/v1/track": (await orders.link(await orders.place())).token,
    "/v1/fleet": await tokenOf(engine, await insertUser(engine, "dispatcher"))
  }
  await orders.close()
})
afterAll(() => engine.drop())

const foreign = (port: number): ReadonlyArray<string> => [
  "https://evil.example",
  "null",
  "https://console.example.evil.example",
  "https://evil-console.example",
  "http://console.example",
  "https://console.example:8443",
  "https://console.example@evil.example",
  "https://console.example/",
  "HTTPS://CONSOLE.EXAMPLE.EVIL.EXAMPLE",
  `http://127.0.0.1:${port}.evil.example`,
  `http://127.0.0.1:${port + 1}`,
  `https://127.0.0.1.evil.example:${port}`,
  `ftp://127.0.0.1:${port}`,
  "file://",
  "not an origin"
]

describe("P22: a foreign page with a valid token", () => {
  it.each(["/v1/driver", "/v1/track", "/v1/fleet"])("opens no socket at %s", async (path) => {
    const origins = foreign(engine.port)
    let upgrades = 0
    for (const origin of origins) {
      for (const headers of [{ origin }, { origin, authorization: `Bearer ${tokens[path]}` }]) {
        const opened = await WireClient.open(`${engine.url}${path}`, { headers }).catch((error: unknown) => error)
        if (opened instanceof WireClient) upgrades++
        else expect(opened).toMatchObject({ status: 403, body: { code: "origin_not_allowed" } })
      }
    }
    reportPromise("P22", { path, origins: origins.length, upgrades })
    expect(upgrades).toBe(0)
  })

  it.each(["/v1/driver", "/v1/track", "/v1/fleet"])(
    "is told from our own and from what is no page, which open one at %s",
    async (path) => {
      const own: ReadonlyArray<Record<string, string>> = [
        {},
        { origin: "https://console.example" },
        { origin: `http://127.0.0.1:${engine.port}` }
      ]
      for (const headers of own) {
        const opened = await WireClient.open(`${engine.url}${path}`, {
          headers: { ...headers, authorization: `Bearer ${tokens[path]}` }
        })
        expect(opened).not.toBeInstanceOf(UpgradeRefused)
        await opened.close()
      }
    }
  )
})
