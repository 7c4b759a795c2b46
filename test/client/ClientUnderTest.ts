import { DriverClient } from "../../src/client/DriverClient.ts"
import type { DriverClientOptions } from "../../src/client/DriverClientOptions.ts"
import { ScriptedServer } from "./ScriptedServer.ts"
import { VirtualClock } from "./VirtualClock.ts"

const firstUnixMs = Date.UTC(2026, 0, 12, 16)

/** A client, its peer and their time. `report` hands over fixes a second apart; `reported` are their times. */
export const clientUnderTest = (options: Partial<DriverClientOptions> = {}) => {
  const clock = new VirtualClock()
  const server = new ScriptedServer(clock)
  const reported: Array<number> = []
  let ids = 0
  const client = new DriverClient({
    url: "ws://127.0.0.1:1/v1/driver",
    token: () => Promise.resolve("token"),
    sockets: server.sockets,
    clock,
    random: () => 0.5,
    newId: () => `id-${++ids}`,
    holdMsMax: 0,
    ...options
  })
  const report = (count = 1): void => {
    for (let i = 0; i < count; i++) {
      const recordedAt = firstUnixMs + reported.length * 1_000
      client.report({ recordedAt, lat: 52.5, lng: 13.4, speedMps: 8, headingDeg: 90, accuracyM: 5, battery: 80 })
      reported.push(recordedAt)
    }
  }
  const start = async (): Promise<void> => {
    await client.start()
    await clock.advance(20)
  }
  return { clock, server, client, reported, report, start }
}
