import { describe, expect, it } from "vitest"
import { assignmentStatuses, isCarrying } from "../../src/domain/Assignment.ts"
import { customerEvent } from "../../src/domain/CustomerEvent.ts"
import { publicEventData } from "../../src/domain/EventData.ts"
import { fromDecimal, isMoney, toDecimal } from "../../src/domain/Money.ts"
import { shipmentStatuses } from "../../src/domain/Shipment.ts"
import { shipmentEventTypes } from "../../src/domain/ShipmentEvent.ts"
import { isShown, trackingStage, trackingStages } from "../../src/domain/TrackingStage.ts"

describe("the stage of a tracked order", () => {
  it("says nothing about a driver unless one carries the shipment", () => {
    for (const shipmentStatus of [undefined, ...shipmentStatuses])
      for (const assignmentStatus of [undefined, ...assignmentStatuses])
        for (const distanceM of [undefined, 0, 10_000]) {
          const stage = trackingStage({
            shipmentStatus,
            assignmentStatus,
            isOrderCancelled: false,
            distanceM,
            nearbyM: 400
          })
          expect(trackingStages).toContain(stage)
          if (assignmentStatus === undefined || !isCarrying(assignmentStatus))
            expect(isShown(stage, "driver")).toBe(false)
          if (isShown(stage, "position")) {
            expect(["en_route", "arrived"]).toContain(shipmentStatus)
            expect(isCarrying(assignmentStatus ?? "pending")).toBe(true)
          }
        }
  })

  it("turns nearby within the distance, and only on the way", () => {
    const at = (distanceM: number) =>
      trackingStage({
        shipmentStatus: "en_route",
        assignmentStatus: "en_route",
        isOrderCancelled: false,
        distanceM,
        nearbyM: 400
      })
    expect([at(401), at(400)]).toEqual(["on_the_way", "nearby"])
  })
})

describe("what a customer sees of an event", () => {
  it("holds no key that is not named for its type", () => {
    const data = {
      driver_id: "d",
      assignment_id: "a",
      fencing_token: 1,
      note: "gate code 1234",
      reason: "driver ill",
      reason_code: "nobody_home",
      proof: { value: "1234" }
    }
    for (const type of [...shipmentEventTypes, "order.drafted", "order.cancelled", "__proto__", "constructor"]) {
      const seen = customerEvent({ offset: 1, type, occurredAtMs: 0, data })
      if (seen !== undefined)
        expect(Object.keys(seen.data), type).toEqual(type === "shipment.failed" ? ["reason_code"] : [])
    }
    for (const type of ["shipment.en_route_to_pickup", "shipment.at_pickup", "shipment.handed_off", "order.drafted"])
      expect(customerEvent({ offset: 1, type, occurredAtMs: 0, data }), type).toBeUndefined()
  })
})

describe("event data on the API", () => {
  it("carries prefixed ids, also inside lists", () => {
    const id = "019a0000-0000-7000-8000-000000000000"
    expect(publicEventData({ driver_id: id, stops: [{ stop_id: id, position: 1 }] })).toEqual({
      driver_id: `drv_${id}`,
      stops: [{ stop_id: `stp_${id}`, position: 1 }]
    })
  })
})

describe("money", () => {
  it("comes back from the database as it went in", () => {
    for (const [amount, currency, decimal] of [
      [0, "EUR", "0.00"],
      [5, "EUR", "0.05"],
      [1250, "USD", "12.50"],
      [500, "JPY", "500.00"],
      [999_999_999_999, "EUR", "9999999999.99"]
    ] as const) {
      expect(toDecimal({ amount, currency })).toBe(decimal)
      expect(fromDecimal(decimal, currency)).toEqual({ amount, currency })
    }
  })

  it("is refused where NUMERIC(12,2) could not hold it", () => {
    for (const money of [
      { amount: 1.5, currency: "EUR" },
      { amount: -1, currency: "EUR" },
      { amount: 1_000_000_000_000, currency: "EUR" },
      { amount: 10_000_000_000, currency: "JPY" },
      { amount: 1, currency: "KWD" },
      { amount: 1, currency: "eur" }
    ])
      expect(isMoney(money), JSON.stringify(money)).toBe(false)
  })
})
