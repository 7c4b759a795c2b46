import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  decideAdd,
  decideCancel,
  decideComplete,
  decideDropBreak,
  decideStart,
  decideTakeOut,
  followShipment,
  type RunDecision,
  type RunShipment,
  type RunState,
  runMachine,
  runStatuses
} from "../../src/domain/Run.ts"
import {
  isStopOver,
  type RunSequence,
  type RunStop,
  reordered,
  settled,
  withBreak
} from "../../src/domain/RunSequence.ts"
import { commandsOf, step } from "../../src/domain/StateMachine.ts"
import { type StopStatus, stopStatuses } from "../../src/domain/Stop.ts"

const bounds = { runShipmentsMax: 40, runStopsMax: 100 }

const stopsOf = (shipmentId: string, pickup: StopStatus, dropoff: StopStatus): ReadonlyArray<RunStop> => [
  { stopId: `${shipmentId}-p`, shipmentId, type: "pickup", status: pickup },
  { stopId: `${shipmentId}-d`, shipmentId, type: "dropoff", status: dropoff }
]

const state = (parcels: ReadonlyArray<RunShipment>, more: Partial<RunState> = {}): RunState => ({
  status: "planned",
  driverId: "dora",
  shipments: parcels,
  sequence: parcels.flatMap(({ shipmentId }) => stopsOf(shipmentId, "planned", "planned")),
  ...more
})

const parcel = (shipmentId: string, status: RunShipment["status"] = "assigned", holderId?: string): RunShipment => ({
  shipmentId,
  status,
  holderId: holderId ?? "dora"
})

const outcomeOf = (decision: RunDecision): RunState => {
  if (decision._tag === "Refused") throw new Error(`${decision.code}: ${decision.detail}`)
  return decision.after
}

const refusedAs = (decision: RunDecision): string => (decision._tag === "Refused" ? decision.code : "taken")

const orderOf = (sequence: RunSequence): ReadonlyArray<string> => sequence.map(({ stopId }) => stopId)

// What a sequence must hold, told again and apart from the code: quadratic, and plain.
const broken = (sequence: RunSequence): ReadonlyArray<string> =>
  sequence.flatMap((stop, index) =>
    sequence.slice(0, index).flatMap((earlier) => {
      if (isStopOver(stop.status)) return isStopOver(earlier.status) ? [] : ["over_after_open"]
      const isOwnDropoff = earlier.type === "dropoff" && earlier.shipmentId === stop.shipmentId
      return stop.type === "pickup" && isOwnDropoff && !isStopOver(earlier.status) ? ["dropoff_before_pickup"] : []
    })
  )

const someStatus = fc.constantFrom(...stopStatuses)
const someParcels = fc.array(fc.tuple(someStatus, someStatus), { minLength: 0, maxLength: 6 }).map((statuses) =>
  statuses.flatMap(([pickup, dropoff], index) => {
    // No parcel is delivered that was not picked up.
    const isSound = isStopOver(pickup) || !isStopOver(dropoff)
    return stopsOf(`s${index}`, pickup, isSound ? dropoff : "planned")
  })
)
const someBreaks = fc.array(fc.nat(20), { maxLength: 3 })
const someSequence = fc
  .tuple(someParcels, someBreaks)
  .map(([parcels, breaks]) =>
    settled(
      breaks.reduce<RunSequence>(
        (sequence, at, index) => withBreak(sequence, `b${index}`, sequence[at % Math.max(1, sequence.length)]?.stopId),
        parcels
      )
    )
  )

describe("the order of a run's stops", () => {
  it("as it is made by the code keeps the rules", () => {
    fc.assert(fc.property(someSequence, (sequence) => broken(sequence).length === 0))
  })

  it("is taken if it keeps the rules, and refused with the rule that it breaks and where", () => {
    const shuffled = someSequence.chain((sequence) =>
      fc
        .shuffledSubarray([...sequence], { minLength: sequence.length, maxLength: sequence.length })
        .map((order) => ({ sequence, order }))
    )
    let taken = 0
    fc.assert(
      fc.property(shuffled, ({ sequence, order }) => {
        const answer = reordered(sequence, orderOf(order))
        if ("sequence" in answer) {
          taken++
          expect(broken(answer.sequence)).toEqual([])
          expect(orderOf(answer.sequence)).toEqual(orderOf(order))
          return
        }
        const { rule, stopId, position, besidePosition } = answer.fault
        expect(broken(order)).toContain(rule)
        expect(order[position]?.stopId).toBe(stopId)
        expect(order[besidePosition ?? -1]).toBeDefined()
      }),
      { numRuns: 2_000 }
    )
    expect(taken).toBeGreaterThan(50)
  })

  it("names each stop of the run once, and no other", () => {
    const sequence = stopsOf("a", "planned", "planned")
    const asked = (order: ReadonlyArray<string>) => reordered(sequence, order)
    expect(asked(["a-p", "b-p"])).toMatchObject({ fault: { rule: "unknown_stop", position: 1 } })
    expect(asked(["a-p", "a-p"])).toMatchObject({ fault: { rule: "repeated_stop", position: 1, besidePosition: 0 } })
    expect(asked(["a-p"])).toMatchObject({ fault: { rule: "missing_stop", stopId: "a-d", position: 1 } })
    expect(asked(["a-d", "a-p"])).toMatchObject({ fault: { rule: "dropoff_before_pickup", besidePosition: 1 } })
    expect(asked(["a-p", "a-d"])).toEqual({ sequence })
  })

  it("lets a drop-off stand anywhere once its parcel is picked up", () => {
    const sequence = settled([...stopsOf("a", "completed", "planned"), ...stopsOf("b", "planned", "planned")])
    expect(reordered(sequence, ["a-p", "b-p", "b-d", "a-d"])).toHaveProperty("sequence")
    expect(reordered(sequence, ["b-p", "a-p", "b-d", "a-d"])).toMatchObject({ fault: { rule: "over_after_open" } })
  })

  it("leaves a break behind when the driver sets out for what follows it, or has been further on", () => {
    const plan = withBreak(
      [...stopsOf("a", "completed", "completed"), ...stopsOf("b", "completed", "planned")],
      "tea",
      "b-p"
    )
    const statusOfBreak = (dropoff: StopStatus): StopStatus | undefined =>
      settled(plan.map((stop) => (stop.stopId === "b-d" ? { ...stop, status: dropoff } : stop))).find(
        ({ type }) => type === "break"
      )?.status
    expect(stopStatuses.map((status) => [status, statusOfBreak(status)])).toEqual([
      ["planned", "planned"],
      ["en_route", "completed"],
      ["arrived", "completed"],
      ["completed", "completed"],
      ["failed", "completed"],
      ["skipped", "completed"]
    ])
  })
})

describe("a run", () => {
  it("answers every command in every status", () => {
    const commands = { start: decideStart, complete: decideComplete, cancel: decideCancel }
    for (const status of runStatuses)
      for (const command of commandsOf(runMachine)) {
        const done = state([parcel("a", "delivered")], { status, sequence: stopsOf("a", "completed", "completed") })
        const given = command === "start" ? state([parcel("a")], { status }) : done
        const moved = step(runMachine, status, command)
        const decision = commands[command](given)
        if (moved._tag === "Refused") {
          expect(decision).toMatchObject({ _tag: "Refused", code: "illegal_transition", allowed: moved.allowed })
        } else if (moved._tag === "Unchanged") expect(outcomeOf(decision)).toBe(given)
        else expect(outcomeOf(decision).status).toBe(moved.to)
      }
  })

  it("starts only with a driver who has all of it, and something to do", () => {
    expect(refusedAs(decideStart(state([parcel("a")], { driverId: undefined })))).toBe("run_without_driver")
    expect(refusedAs(decideStart(state([])))).toBe("run_empty")
    expect(refusedAs(decideStart(state([parcel("a", "assigned", "mia")])))).toBe("run_not_given")
    expect(refusedAs(decideStart(state([parcel("a")])))).toBe("taken")
  })

  it("has a shipment that is in no other run and not over, up to its bounds", () => {
    const add = (shipment: RunShipment, runId?: string, limits = bounds) =>
      decideAdd(
        state([parcel("a")]),
        "run",
        [{ ...shipment, runId, stops: stopsOf(shipment.shipmentId, "planned", "planned") }],
        limits
      )
    expect(refusedAs(add(parcel("b"), "another"))).toBe("shipment_in_run")
    for (const status of ["delivered", "returned", "cancelled", "failed", "returning"] as const)
      expect(refusedAs(add(parcel("b", status)))).toBe("shipment_over")
    expect(refusedAs(add(parcel("b"), undefined, { ...bounds, runStopsMax: 3 }))).toBe("run_too_long")
    expect(orderOf(outcomeOf(add(parcel("b"))).sequence)).toEqual(["a-p", "a-d", "b-p", "b-d"])
    expect(orderOf(outcomeOf(add(parcel("a"), "run")).sequence)).toEqual(["a-p", "a-d"])
  })

  it("loses a shipment that its driver does not have any more, and keeps the others in their order", () => {
    const run = state([parcel("a"), parcel("b")], {
      status: "active",
      sequence: [...stopsOf("a", "completed", "planned"), ...stopsOf("b", "planned", "planned")]
    })
    for (const moved of [parcel("a", "assigned", "mia"), { ...parcel("a", "dispatching"), holderId: undefined }]) {
      const next = followShipment(run, moved)
      expect([next.status, orderOf(next.sequence)]).toEqual(["active", ["b-p", "b-d"]])
    }
    expect(followShipment({ ...run, status: "planned" }, parcel("a", "assigned", "mia"))).toMatchObject({
      status: "planned",
      sequence: run.sequence
    })
  })

  it("is completed with its last parcel, not while one is on its way back, and skips the breaks that are left", () => {
    const sequence = withBreak(
      [...stopsOf("a", "completed", "completed"), ...stopsOf("b", "completed", "failed")],
      "tea",
      undefined
    )
    const run = (b: RunShipment) => state([parcel("a", "delivered"), b], { status: "active", sequence })
    for (const status of ["failed", "returning"] as const) {
      expect(followShipment(run(parcel("b", status)), parcel("b", status)).status).toBe("active")
      expect(refusedAs(decideComplete(run(parcel("b", status))))).toBe("run_unfinished")
    }
    const done = followShipment(run(parcel("b", "returned")), parcel("b", "returned"))
    expect([done.status, done.sequence.at(-1)]).toMatchObject(["completed", { stopId: "tea", status: "skipped" }])
  })

  it("loses a break that is still to come, and nothing else that way", () => {
    const pause: RunStop = { stopId: "rest", shipmentId: undefined, type: "break", status: "planned" }
    const stops = [...stopsOf("a", "planned", "planned"), pause]
    const run = state([parcel("a")], { status: "active", sequence: stops })
    expect(orderOf(outcomeOf(decideDropBreak(run, pause)).sequence)).toEqual(["a-p", "a-d"])
    expect(refusedAs(decideDropBreak(run, stops[0] as RunStop))).toBe("not_a_break")
    for (const status of ["completed", "skipped"] as const)
      expect(refusedAs(decideDropBreak(run, { ...pause, status }))).toBe("break_over")
    for (const status of ["completed", "cancelled"] as const)
      expect(refusedAs(decideDropBreak({ ...run, status }, pause))).toBe("illegal_transition")
  })

  it("when cancelled lets go of what is not over, and a shipment that is over cannot be taken out", () => {
    const run = state([parcel("a", "delivered"), parcel("b")], {
      status: "active",
      sequence: [...stopsOf("a", "completed", "completed"), ...stopsOf("b", "planned", "planned")]
    })
    expect(orderOf(outcomeOf(decideCancel(run)).sequence)).toEqual(["a-p", "a-d"])
    expect(refusedAs(decideTakeOut(run, "a"))).toBe("shipment_over")
    expect(outcomeOf(decideTakeOut(run, "b"))).toMatchObject({ status: "completed", shipments: [{ shipmentId: "a" }] })
  })
})
