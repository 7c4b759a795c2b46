import fc from "fast-check"
import { expect, it } from "vitest"
import { FleetPresence, type FleetSource } from "../../../src/actors/fleet/FleetPresence.ts"
import { FleetBoard, FleetStatus } from "../../../src/realtime/FleetBoard.ts"

const driverId = "00000000-0000-7000-8000-000000000001"
const sources: ReadonlyArray<FleetSource> = ["node a", "node b", "database"]

const told = fc.record({
  source: fc.constantFrom(...sources),
  isConnected: fc.boolean(),
  duty: fc.constantFrom("on" as const, "break" as const, "off" as const, undefined),
  recordedAt: fc.option(fc.nat(50), { nil: undefined }),
  isForgetting: fc.boolean()
})

const statusOfDuty = { on: FleetStatus.available, break: FleetStatus.break, off: FleetStatus.connected }

it("a driver of other nodes is on the board once, where they were last, as the node that has them says", () => {
  fc.assert(
    fc.property(fc.array(told, { maxLength: 40 }), (history) => {
      const board = new FleetBoard("epoch")
      const presence = new FleetPresence(board)
      presence.introduce(driverId, "Dana")
      // Who said last that they have the driver; nobody once that was taken back, or forgotten.
      let has: (typeof history)[number] | undefined
      let newest = Number.NEGATIVE_INFINITY
      let now = 1_000
      for (const each of history) {
        now += 100
        const { source, isConnected, duty, recordedAt } = each
        const place =
          recordedAt === undefined
            ? undefined
            : { recordedAt, latE7: recordedAt * 10, lngE7: 0, speedCms: Number.NaN, headingCdeg: Number.NaN }
        presence.told({ driverId, isConnected, duty, heardAt: now, place }, source, now)
        if (isConnected) has = each
        else if (has?.source === source || has?.source === "database") has = undefined
        const isHidden = (has === undefined ? duty : has.duty) === "off"
        if (!isHidden) newest = Math.max(newest, recordedAt ?? newest)
        expect(board.recordedAt[0]).toBe(newest)
        if (newest !== Number.NEGATIVE_INFINITY) expect(board.latE7[0]).toBe(newest * 10)
        expect(board.shown[0]).toBe(isHidden || newest === Number.NEGATIVE_INFINITY ? 0 : 1)
        if (each.isForgetting) {
          presence.forgetElsewhere(now + 1)
          has = undefined
        }
        const status = has?.duty === undefined ? FleetStatus.connected : statusOfDuty[has.duty]
        expect(board.status[0]).toBe(has === undefined ? FleetStatus.offline : status)
        expect(board.count).toBe(1)
      }
    }),
    { numRuns: 500, verbose: 1 }
  )
})
