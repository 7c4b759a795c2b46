import { describe, expect, it } from "vitest"
import type { BoardOrder } from "../../web/src/orders/BoardOrder.ts"
import { byUrgency, stageOf } from "../../web/src/orders/BoardStage.ts"
import { latenessOf } from "../../web/src/orders/Lateness.ts"

const now = new Date(2026, 4, 4, 12, 0, 0).getTime()
const at = (minutes: number): string => new Date(now + minutes * 60_000).toISOString()

const order = (more: Partial<BoardOrder> = {}): BoardOrder => ({
  id: "ord_1",
  external_id: null,
  status: "confirmed",
  customer_name: "Mary",
  address: { line1: "Street 1", city: "Wien" },
  pieces: 1,
  total: { amount: 100, currency: "EUR" },
  window: null,
  shipment_id: "shp_1",
  shipment_status: "dispatching",
  is_picked_up: false,
  is_offered: false,
  promised_arrival_at: null,
  eta: null,
  driver: null,
  created_at: at(-60),
  changed_at: at(-60),
  ended_at: null,
  ...more
})

const dueIn = (minutes: number): Partial<BoardOrder> => ({ promised_arrival_at: at(minutes) })

describe("where an order belongs on the board", () => {
  it("follows its shipment", () => {
    const stages = (["created", "dispatching", "assigned", "at_pickup", "en_route", "arrived", "failed"] as const).map(
      (shipment_status) => stageOf(order({ shipment_status }), now)
    )
    expect(stages).toEqual(["waiting", "waiting", "assigned", "underWay", "underWay", "underWay", "attention"])
    expect(stageOf(order({ status: "submitted", shipment_id: null, shipment_status: null }), now)).toBe("waiting")
    expect(stageOf(order({ is_offered: true }), now)).toBe("offered")
  })

  it("needs attention when nobody carries what is late or collected", () => {
    expect(stageOf(order(dueIn(-1)), now)).toBe("attention")
    expect(stageOf(order({ is_picked_up: true }), now)).toBe("attention")
    expect(stageOf(order({ ...dueIn(-1), shipment_status: "en_route" }), now)).toBe("underWay")
  })

  it("is done today, and gone tomorrow", () => {
    const ended = order({ status: "fulfilled", shipment_status: "delivered", ended_at: at(-30) })
    expect(stageOf(ended, now)).toBe("done")
    expect(stageOf(ended, now + 24 * 3_600_000)).toBeUndefined()
  })

  it("is sorted by what was promised, then by age", () => {
    const rows = [order({ id: "c" }), order({ id: "b", created_at: at(-90) }), order({ id: "a", ...dueIn(30) })]
    expect(rows.sort(byUrgency("waiting")).map(({ id }) => id)).toEqual(["a", "b", "c"])
  })
})

describe("how an order keeps to its promise", () => {
  const said = (more: Partial<BoardOrder>) => latenessOf(order(more), now)

  it("is said by kind and in words", () => {
    expect(said({})).toBeUndefined()
    expect(said(dueIn(-12))).toEqual({ kind: "late", words: "12 min late" })
    expect(said(dueIn(9))).toEqual({ kind: "tight", words: "Due in 9 min" })
    expect(said(dueIn(60))?.kind).toBe("fine")
    expect(said({ ...dueIn(60), eta: { p50_at: at(68), p90_at: at(75) } })).toEqual({
      kind: "tight",
      words: "Expected 8 min late"
    })
  })

  it("is judged by when it was delivered, once it was", () => {
    const delivered = { shipment_status: "delivered", ended_at: at(-10) }
    expect(said({ ...delivered, ...dueIn(-30) })).toEqual({ kind: "late", words: "20 min late" })
    expect(said({ ...delivered, ...dueIn(-5) })).toEqual({ kind: "fine", words: "In time" })
    expect(said({ shipment_status: "cancelled", ended_at: at(-10), ...dueIn(-30) })).toBeUndefined()
  })
})
