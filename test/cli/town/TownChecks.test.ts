import { describe, expect, it } from "vitest"
import { violationsOf } from "../../../src/cli/fleet/Violation.ts"
import { customersTold, type Told } from "../../../src/cli/town/checks/CustomersTold.ts"
import { foldedRows } from "../../../src/cli/town/checks/FoldedRows.ts"
import { keptPromises } from "../../../src/cli/town/checks/KeptPromises.ts"
import { keptAcceptances, keptReports } from "../../../src/cli/town/checks/KeptReports.ts"
import { loggedEvents } from "../../../src/cli/town/checks/LoggedEvents.ts"
import { isMoneyMoving, moneyKept, paidStays } from "../../../src/cli/town/checks/MoneyKept.ts"
import { orderEnds } from "../../../src/cli/town/checks/OrderEnds.ts"
import { singleDriver } from "../../../src/cli/town/checks/SingleDriver.ts"
import { stockKept } from "../../../src/cli/town/checks/StockKept.ts"
import { wholeTimelines } from "../../../src/cli/town/checks/WholeTimelines.ts"
import { TrackingWitness } from "../../../src/cli/town/TrackingWitness.ts"
import { TrackingServerFrame } from "../../../src/protocol/FrameType.ts"
import { delivered, deliveredLog, deliveredTimeline, givenProof, placed } from "./TownStories.ts"

const seen = (findings: ReadonlyArray<{ readonly seen: string }>): ReadonlyArray<string> =>
  findings.map((finding) => finding.seen)

const without = (type: string) => deliveredTimeline.filter((event) => event.type !== type)

describe("an order is over or legally under way", () => {
  it("when it goes with its shipment", () => {
    expect(orderEnds([delivered()])).toEqual([])
    expect(orderEnds([{ ...delivered({ order: { status: "submitted" } }), shipment: undefined }])).toEqual([])
  })

  it.each([
    ["a delivered shipment of an order that is only confirmed", delivered({ order: { status: "confirmed" } })],
    [
      "a cancelled order whose parcel is on its way",
      delivered({ order: { status: "cancelled" }, shipment: { status: "en_route" } })
    ],
    ["a confirmed order without a shipment", { ...delivered({ order: { status: "confirmed" } }), shipment: undefined }],
    ["a shipment of another order", delivered({ shipment: { order_id: "ord_2" } })],
    ["a status that does not exist", delivered({ shipment: { status: "lost" } })]
  ])("finds %s", (_, facts) => {
    expect(orderEnds([facts])).toMatchObject([{ id: "ord_1" }])
  })
})

describe("a shipment's rows equal its folded events", () => {
  it("when they do", () => expect(foldedRows([delivered()])).toEqual([]))

  it.each([
    ["another status", { shipment: { status: "arrived" } }],
    ["another sequence", { shipment: { sequence: 8 } }],
    ["a parcel that was never fetched", { shipment: { is_picked_up: false } }],
    [
      "another driver",
      { shipment: { assignment: { id: "asg_1", driver_id: "drv_2", status: "delivered", fencing_token: 1 } } }
    ],
    [
      "an assignment that no event made",
      { shipment: { assignment: { id: "asg_9", driver_id: "drv_1", status: "delivered", fencing_token: 1 } } }
    ],
    [
      "a stop that is still planned",
      {
        stops: [
          { id: "stp_1", type: "pickup", position: 1, status: "planned" },
          { id: "stp_2", type: "dropoff", position: 2, status: "completed" }
        ]
      }
    ],
    [
      "a stop too many",
      { stops: [...delivered().stops, { id: "stp_3", type: "dropoff", position: 3, status: "planned" }] }
    ],
    ["a timeline without its beginning", { timeline: without("shipment.created") }]
  ])("finds %s", (_, changes) => {
    const findings = foldedRows([delivered(changes)])
    expect(findings.length).toBeGreaterThan(0)
    expect(new Set(findings.map(({ id }) => id))).toEqual(new Set(["shp_1"]))
  })
})

describe("a shipment has one driver at most", () => {
  it("when one carries it", () => expect(singleDriver([delivered()])).toEqual([]))

  it("finds a second who was given it while the first had it", () => {
    const second = {
      ...deliveredTimeline[2],
      data: { assignment_id: "asg_2", driver_id: "drv_2", fencing_token: 2 }
    } as (typeof deliveredTimeline)[number]
    const timeline = [...deliveredTimeline.slice(0, 3), second, ...deliveredTimeline.slice(3)]
    expect(seen(singleDriver([delivered({ timeline })]))).toEqual(["after event 4 of 10"])
  })
})

describe("no event is missing or there twice", () => {
  it("when they are numbered", () => expect(wholeTimelines([delivered()])).toEqual([]))

  it.each([
    ["a hole", without("shipment.at_pickup"), "event 5 has the number 6"],
    ["an event twice", [...deliveredTimeline.slice(0, 4), ...deliveredTimeline.slice(3)], "event 5 has the number 4"],
    ["an event that only the shipment counts", deliveredTimeline.slice(0, -1), "8 events, and the shipment counts 9"],
    ["two events of one id", deliveredTimeline.map((event) => ({ ...event, id: "evt_1" })), "two events have one id"]
  ])("finds %s", (_, timeline, fault) => {
    expect(seen(wholeTimelines([delivered({ timeline })]))).toEqual([fault])
  })
})

describe("the public log tells each event once", () => {
  it("when it does", () => expect(loggedEvents([delivered()], deliveredLog)).toEqual([]))

  it.each([
    ["an event that it does not tell", deliveredLog.slice(0, -1)],
    ["an event twice", [...deliveredLog, ...deliveredLog.slice(-1)]],
    ["two events in the wrong order", [...deliveredLog.slice(0, 1), ...deliveredLog.slice(1).reverse()]],
    ["an event that the timeline does not have", deliveredLog.map((event) => ({ ...event, id: `${event.id}x` }))]
  ])("finds %s", (_, log) => {
    expect(loggedEvents([delivered()], log)).toMatchObject([{ id: "ord_1" }])
  })
})

describe("what a driver was told is done", () => {
  const receipt = { shipmentId: "shp_1", assignmentId: "asg_1", action: "delivered", proofs: [givenProof] } as const

  it("is in the timeline, with its proof", () => {
    expect(keptReports([delivered()], [receipt])).toEqual([])
    expect(keptReports([delivered()], [{ ...receipt, shipmentId: "shp_of_others" }])).toEqual([])
  })

  it("is found when it is not there", () => {
    const facts = delivered({ timeline: without("shipment.delivered") })
    expect(seen(keptReports([facts], [receipt]))).toEqual(["delivered of asg_1"])
    expect(seen(keptReports([delivered()], [{ ...receipt, assignmentId: "asg_2" }]))).toEqual(["delivered of asg_2"])
  })

  it("is found when its proof is another, or gone", () => {
    const [other] = keptReports([delivered()], [{ ...receipt, proofs: [{ type: "note", value: "in the shed" }] }])
    expect(other?.invariant).toBe("no accepted proof is lost")
    const timeline = deliveredTimeline.map((event) => ({ ...event, data: { ...event.data, proof: undefined } }))
    expect(keptReports([delivered({ timeline })], [receipt])).toHaveLength(1)
  })

  it("is found when an accepted offer is nobody's", () => {
    const acceptance = { shipmentId: "shp_1", assignmentId: "asg_1" }
    expect(keptAcceptances([delivered()], [acceptance])).toEqual([])
    expect(keptAcceptances([delivered()], [{ ...acceptance, assignmentId: "asg_7" }])).toHaveLength(1)
  })
})

describe("what a customer was told is done", () => {
  it("stays done", () => expect(keptPromises([placed()], [delivered()])).toEqual([]))

  it.each([
    ["an order that is gone", [placed({ orderId: "ord_9" }), placed()], "the order is gone"],
    ["a cancellation that did not last", [placed({ isCancelled: true })], "it was cancelled, and is fulfilled"],
    ["another price", [placed({ total: { amount: 1, currency: "EUR" } })], "it cost 1, and now 1280"],
    ["an order that nobody placed", [], "fulfilled, and nobody was told of it"]
  ])("finds %s", (_, orders, fault) => {
    expect(seen(keptPromises(orders, [delivered()]))).toEqual([fault])
  })

  it("finds a confirmation that did not last", () => {
    const facts = { ...delivered({ order: { status: "submitted" } }), shipment: undefined }
    expect(seen(keptPromises([placed()], [facts]))).toEqual(["it was confirmed, and is submitted"])
  })
})

describe("stock", () => {
  const count = (after: number) => [{ productId: "prd_1", before: 10, after }]

  it("is what was there, less what is held or delivered", () => {
    expect(stockKept(count(8), [delivered()])).toEqual([])
    expect(stockKept(count(10), [delivered({ order: { status: "cancelled" } })])).toEqual([])
  })

  it.each([
    ["pieces that a cancelled order did not give back", 8, "cancelled"],
    ["pieces that an order did not take", 10, "fulfilled"],
    ["pieces that an order took twice", 6, "confirmed"]
  ])("finds %s", (_, after, status) => {
    expect(stockKept(count(after), [delivered({ order: { status } })])).toMatchObject([{ id: "prd_1" }])
  })
})

describe("money", () => {
  const eur = (amount: number) => ({ amount, currency: "EUR" })
  const isCancelled = { order: { status: "cancelled" }, shipment: { status: "cancelled" } } as const
  const isRefunded = { status: "refunded", refunded: eur(1_280) } as const
  const refunds = [{ id: "ref_1", status: "succeeded", amount: eur(1_280) }]

  it("is kept for what was delivered, and for nothing else", () => {
    const isOnItsWay = { order: { status: "confirmed" }, shipment: { status: "en_route" } } as const
    const nothing = { settled: eur(0) }
    expect(
      moneyKept([
        delivered(),
        { ...delivered(), payment: undefined },
        delivered({ ...isCancelled, payment: { status: "failed", ...nothing } }),
        delivered({ ...isCancelled, payment: isRefunded, refunds }),
        delivered({ ...isOnItsWay, payment: { status: "authorized", ...nothing } })
      ])
    ).toEqual([])
  })

  it.each([
    ["a delivery that was never settled", { payment: { status: "authorized", settled: eur(0) } }],
    ["a cancelled order's money", isCancelled],
    [
      "a cancelled order that is still authorized",
      { ...isCancelled, payment: { status: "authorized", settled: eur(0) } }
    ],
    ["more than was due", { payment: { settled: eur(2_560) } }],
    ["another price", { payment: { amount: eur(1_000), settled: eur(1_000) } }],
    ["a delivery that was refunded", { payment: isRefunded, refunds }],
    ["a refund that nobody made", { ...isCancelled, payment: isRefunded }],
    ["a refund twice", { ...isCancelled, payment: isRefunded, refunds: [...refunds, ...refunds] }],
    [
      "money for an order that was never confirmed",
      { order: { status: "submitted" }, payment: { status: "authorized", settled: eur(0) } }
    ]
  ])("finds %s", (_, changes) => {
    expect(moneyKept([delivered(changes)])).toMatchObject([{ id: "ord_1" }])
  })

  const back = (amount: number) => ({ id: "ref_1", orderId: "ord_1", amount })
  const partly = { payment: { refunded: eur(400) }, refunds: [{ id: "ref_1", status: "succeeded", amount: eur(400) }] }
  const noCapture: ReadonlySet<string> = new Set()

  it("is less what the desk gave back", () => {
    expect(moneyKept([delivered(partly)], { refunds: [back(400)], captured: noCapture })).toEqual([])
    const all = delivered({ payment: isRefunded, refunds })
    expect(moneyKept([all], { refunds: [back(1_280)], captured: noCapture })).toEqual([])
  })

  it("is found when the desk was told of another refund, or of one that is gone", () => {
    expect(moneyKept([delivered(partly)], { refunds: [back(300)], captured: noCapture })).toHaveLength(1)
    expect(moneyKept([delivered(partly)])).toHaveLength(1)
    expect(moneyKept([delivered()], { refunds: [back(400)], captured: noCapture })).toHaveLength(1)
  })

  it("may be taken before the delivery by the desk alone", () => {
    const early = delivered({ order: { status: "confirmed" }, shipment: { status: "en_route" } })
    expect(moneyKept([early])).toHaveLength(1)
    expect(moneyKept([early], { refunds: [], captured: new Set(["ord_1"]) })).toEqual([])
  })

  it("is waited for while somebody is at it", () => {
    expect(isMoneyMoving(delivered())).toBe(false)
    expect(isMoneyMoving(delivered({ payment: { status: "authorized", settled: eur(0) } }))).toBe(true)
    expect(isMoneyMoving(delivered(isCancelled))).toBe(true)
    expect(isMoneyMoving(delivered({ ...isCancelled, payment: { status: "failed", settled: eur(0) } }))).toBe(false)
  })

  it("finds a customer who was told that they paid, and did not", () => {
    const paid = new Set(["ord_1"])
    expect(paidStays(paid, [delivered()])).toEqual([])
    expect(paidStays(paid, [delivered({ payment: { status: "failed" } })])).toMatchObject([{ id: "ord_1" }])
    expect(paidStays(new Set(), [delivered({ payment: { status: "failed" } })])).toEqual([])
  })
})

describe("what a customer's page is told", () => {
  const events = [
    "shipment.created",
    "shipment.assigned",
    "shipment.picked_up",
    "shipment.en_route",
    "shipment.arrived",
    "shipment.delivered"
  ]
  const page = (tellings: Told["tellings"], changes: Partial<Told> = {}): ReadonlyArray<Told> => [
    { orderId: "ord_1", tellings, faults: [], sawTheEnd: true, ...changes }
  ]
  const begun = { kind: "snapshot", types: ["order.submitted", "shipment.created"], stage: "scheduled" } as const
  const event = (type: string, offset: number) => ({ kind: "event", type, offset }) as const
  const all = [
    begun,
    ...events.slice(1).map((type, index) => event(type, index)),
    { kind: "stage", stage: "done" } as const
  ]

  it("is what the timeline says", () => {
    expect(customersTold(page(all), [delivered()])).toEqual([])
    expect(customersTold(page([{ kind: "snapshot", types: events, stage: "done" }]), [delivered()])).toEqual([])
    expect(customersTold(page([begun], { sawTheEnd: false }), [delivered()])).toEqual([])
  })

  it.each([
    ["an event that did not happen", [begun, event("shipment.failed", 1)]],
    ["an event twice", [begun, event("shipment.assigned", 1), event("shipment.assigned", 2)]],
    ["an event left out", [begun, event("shipment.picked_up", 1)]],
    ["a stage long before its time", [begun, { kind: "stage", stage: "on_the_way" } as const]],
    ["a stage long after it", [...all, { kind: "stage", stage: "assigned" } as const]],
    ["an end that was kept back", [begun]]
  ])("is found to be untrue when it is %s", (_, tellings) => {
    expect(customersTold(page(tellings), [delivered()])).toMatchObject([{ id: "ord_1" }])
  })

  it("is a fault when it is not for this stage, or not in order", () => {
    const witness = new TrackingWitness("ord_1")
    const position = [TrackingServerFrame.position, 1, 2, 3, 4, 5]
    witness.hear([TrackingServerFrame.snapshot, 1, 5, { order_id: "ord_1", stage: "assigned", timeline: [] }])
    expect(witness.faults).toEqual([])
    witness.hear(position)
    expect(witness.faults).toEqual(["position at the stage assigned"])
    witness.hear([TrackingServerFrame.stage, "on_the_way"])
    witness.hear(position)
    expect(witness.faults).toHaveLength(1)
    witness.hear([TrackingServerFrame.event, 4, "shipment.en_route", 1, {}])
    expect(witness.faults.at(-1)).toBe("event 4 after 5")
    witness.hear([TrackingServerFrame.snapshot, 1, 6, { order_id: "ord_2", stage: "done", driver: {}, timeline: [] }])
    expect(witness.faults.slice(2)).toEqual(["a snapshot of ord_2", "driver at the stage done"])
    const { orderId, faults } = witness
    expect(customersTold(page([], { orderId, faults }), [delivered()])).toMatchObject(
      witness.faults.map((fault) => ({ seen: fault }))
    )
  })
})

it("a page that is told another PIN, or one after the end, is a fault", () => {
  const witness = new TrackingWitness("ord_1")
  const told = (stage: string, pin: string): void =>
    witness.hear([
      ...[TrackingServerFrame.snapshot, 1, 5],
      { order_id: "ord_1", stage, delivery_pin: pin, timeline: [] }
    ])
  told("assigned", "123456")
  told("on_the_way", "123456")
  expect(witness.faults).toEqual([])
  told("arrived", "654321")
  told("done", "654321")
  expect(witness.faults).toEqual(["another PIN than before", "a PIN at the stage done"])
})

it("findings are told by invariant, with whom they concern", () => {
  const findings = ["a", "b", "a"].map((id) => ({ invariant: "nothing is lost", id, seen: `seen of ${id}` }))
  expect(violationsOf(findings)).toEqual([
    { invariant: "nothing is lost", count: 3, ids: ["a", "b"], seen: "seen of a" }
  ])
  expect(violationsOf([])).toEqual([])
})
