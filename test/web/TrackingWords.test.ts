import { describe, expect, it } from "vitest"
import type { TimelineEvent, TrackedOrder } from "../../src/client/TrackingFrames.ts"
import { failureReasons } from "../../src/domain/TaskPayload.ts"
import { wordsOfEvent, wordsOfPin, wordsOfStage } from "../../web/src/tracking/Words.ts"

const at = new Date(2026, 4, 4, 14).getTime()
const hourMs = 3_600_000

const orderAt = (
  stage: string,
  told: ReadonlyArray<readonly [type: string, data?: TimelineEvent["data"]]>
): TrackedOrder => ({
  orderId: "ord_1",
  contents: undefined,
  shipmentStatus: undefined,
  stage,
  stopsAhead: undefined,
  remainingM: undefined,
  eta: undefined,
  driver: stage === "arrived" ? { firstName: "Ada", vehicle: undefined } : undefined,
  position: undefined,
  destination: undefined,
  deliveryPin: "048213",
  timeline: told.map(([type, data = {}], i) => ({ offset: i + 1, type, occurredAt: at, data })),
  expiresAt: undefined
})

const failed = ["shipment.failed", { reason_code: "recipient_absent" }] as const
const rescheduled = ["shipment.rescheduled", { window_start: at, window_end: at + hourMs }] as const
const detail = (...args: Parameters<typeof orderAt>): string => wordsOfStage(orderAt(...args)).detail

describe("the words of a tracked order", () => {
  it("say why an attempt failed, and what comes next as far as anybody knows", () => {
    expect(detail("done", [failed])).toBe(
      "The delivery did not work out: nobody answered. The sender decides what happens next."
    )
    expect(detail("done", [failed, rescheduled])).toMatch(/nobody answered\. New time: .+ to .+\.$/)
    expect(wordsOfStage(orderAt("scheduled", [failed, ["shipment.retrying"]])).headline).toBe("Another attempt")
    expect(detail("scheduled", [failed, ["shipment.retrying"], rescheduled])).toMatch(/for the next\. New time: /)
    expect(detail("done", [failed, ["shipment.returning"]])).toBe("Your order is on the way back to the sender.")
    expect(detail("done", [failed, ["shipment.retrying"], ["shipment.delivered"]])).toMatch(/handed over/)
  })

  it("have a reason for every code but the one that says nothing", () => {
    const wordless = failureReasons.filter((reason_code) => !wordsOfEvent(eventOf(reason_code))?.includes(": "))
    expect(wordless).toEqual(["other"])
  })

  it("name the new window, and ask for the PIN where the driver is", () => {
    const [told] = orderAt("scheduled", [rescheduled]).timeline
    expect(told === undefined ? "" : wordsOfEvent(told)).toMatch(/^New time: .+ to .+$/)
    expect(wordsOfPin(orderAt("arrived", []))).toMatch(/^Tell Ada this PIN now/)
    expect(wordsOfPin(orderAt("scheduled", []))).toMatch(/to the driver at your door/)
  })
})

const eventOf = (reason_code: string): TimelineEvent => ({
  offset: 1,
  type: "shipment.failed",
  occurredAt: at,
  data: { reason_code }
})
