import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { isStateMachinesPageCurrent } from "../../scripts/stateMachines.ts"
import { actorKinds } from "../../src/domain/Actor.ts"
import { allowedCommands } from "../../src/domain/AllowedCommands.ts"
import { assignmentMachine, isCarrying } from "../../src/domain/Assignment.ts"
import { decideOrder, evolveOrder, orderMachine } from "../../src/domain/Order.ts"
import { isEnded, shipmentMachine, shipmentStatuses } from "../../src/domain/Shipment.ts"
import { decideShipment, type ShipmentCommand } from "../../src/domain/ShipmentDecision.ts"
import type { ShipmentEvent } from "../../src/domain/ShipmentEvent.ts"
import {
  carryingAssignment,
  evolveShipment,
  foldShipment,
  holdingAssignment,
  newestAssignment,
  openOffers,
  type ShipmentState
} from "../../src/domain/ShipmentState.ts"
import { allowedIn, commandsOf, type StateMachine, step } from "../../src/domain/StateMachine.ts"
import { stopMachine } from "../../src/domain/Stop.ts"
import { taskActions } from "../../src/domain/TaskAction.ts"

const created: ShipmentEvent = {
  type: "shipment.created",
  data: {
    stops: [
      { stop_id: "stop-1", type: "pickup", position: 1 },
      { stop_id: "stop-2", type: "dropoff", position: 2 }
    ]
  }
}

const nowMs = 1_000
const openUntilMs = 2_000
const afterMs = 3_000

/** Answers to a driver's newest offer, in time and late. */
const replies = (state: ShipmentState, driverId: string): ReadonlyArray<ShipmentCommand> => {
  const own = state.assignments.findLast((each) => each.driverId === driverId)
  const reply = { assignmentId: own?.assignmentId ?? "none", driverId, fencingToken: own?.fencingToken ?? 0 }
  return [
    { _tag: "AcceptOffer", ...reply, nowMs },
    { _tag: "AcceptOffer", ...reply, nowMs: afterMs },
    { _tag: "AcceptOffer", ...reply, fencingToken: 99, nowMs },
    { _tag: "DeclineOffer", ...reply, nowMs, reason: "too far" },
    { _tag: "DeclineOffer", ...reply, nowMs: afterMs }
  ]
}

const task = (state: ShipmentState, action: (typeof taskActions)[number], token?: number): ShipmentCommand => {
  const own = newestAssignment(state)
  return {
    _tag: "Task",
    action,
    assignmentId: own?.assignmentId ?? "none",
    driverId: own?.driverId ?? "none",
    fencingToken: token ?? own?.fencingToken ?? 0,
    payload: {}
  }
}

/** Every command there is, as it would be asked of a state. */
const commandsFor = (state: ShipmentState): ReadonlyArray<ShipmentCommand> => {
  const next = `assignment-${state.assignments.length + 1}`
  return [
    { _tag: "Dispatch" },
    {
      _tag: "Offer",
      offers: [
        { assignmentId: next, driverId: "driver-a" },
        { assignmentId: `${next}-b`, driverId: "driver-b" },
        { assignmentId: `${next}-c`, driverId: "driver-b" }
      ],
      expiresAtMs: openUntilMs,
      nowMs
    },
    ...replies(state, "driver-a"),
    ...replies(state, "driver-b"),
    { _tag: "ExpireOffers", nowMs },
    { _tag: "ExpireOffers", nowMs: afterMs },
    { _tag: "Assign", assignmentId: next, driverId: "driver-a" },
    { _tag: "Assign", assignmentId: next, driverId: "driver-b" },
    { _tag: "Reassign", assignmentId: next, driverId: "driver-b" },
    { _tag: "Reassign", assignmentId: next, driverId: "driver-b", reason: "not heard of" },
    { _tag: "Unassign" },
    { _tag: "Unassign", reason: "not heard of" },
    { _tag: "Retry" },
    { _tag: "StartReturn" },
    { _tag: "MarkReturned", reason: "brought by a neighbour" },
    { _tag: "Reschedule", startMs: 1, endMs: 2 },
    { _tag: "Cancel" },
    ...taskActions.map((action) => task(state, action)),
    ...taskActions.map((action) => task(state, action, 99))
  ]
}

/** What became of the newest offer of each driver. */
const offersOf = (state: ShipmentState): ReadonlyArray<string | undefined> =>
  ["driver-a", "driver-b"].map((driverId) => state.assignments.findLast((each) => each.driverId === driverId)?.status)

const take = (state: ShipmentState, events: ReadonlyArray<ShipmentEvent>): ShipmentState =>
  events.reduce((each, event) => evolveShipment(each, event) ?? each, state)

/** Every state that can be reached within some steps, told apart by all but its version and counters. */
const reachable = (): ReadonlyArray<ShipmentState> => {
  const first = foldShipment([created])
  if (first === undefined) throw new Error("a log that begins with shipment.created has a state")
  const seen = new Map<string, ShipmentState>()
  let edge: ReadonlyArray<ShipmentState> = [first]
  while (edge.length > 0) {
    const next: Array<ShipmentState> = []
    for (const state of edge) {
      const key = JSON.stringify([
        state.status,
        state.isPickedUp,
        state.stops,
        newestAssignment(state)?.status,
        offersOf(state)
      ])
      if (seen.has(key)) continue
      seen.set(key, state)
      for (const by of actorKinds)
        for (const command of commandsFor(state)) {
          const decision = decideShipment(state, command, by)
          if (decision._tag === "Accepted" && decision.events.length > 0) next.push(take(state, decision.events))
        }
    }
    edge = next
  }
  return [...seen.values()]
}

const states = reachable()

describe("state machines", () => {
  const machines: ReadonlyArray<StateMachine<string, string>> = [
    orderMachine,
    shipmentMachine,
    assignmentMachine,
    stopMachine
  ]
  for (const machine of machines) {
    it(`${machine.name}: every state has an answer to every command, and a repetition changes nothing`, () => {
      for (const state of machine.states) {
        for (const command of commandsOf(machine)) {
          const answer = step(machine, state, command)
          if (answer._tag === "Refused") expect(answer.allowed).toEqual(allowedIn(machine, state))
          if (answer._tag !== "Moved") continue
          expect(machine.states).toContain(answer.to)
          const again = step(machine, answer.to, command)
          if (!machine.commands[command]?.from.includes(answer.to)) expect(again._tag).toBe("Unchanged")
        }
      }
    })
  }

  it("an order's events lead where its machine says, for everybody who may ask", () => {
    for (const status of orderMachine.states)
      for (const command of commandsOf(orderMachine))
        for (const by of actorKinds) {
          const decision = decideOrder(status, command, by)
          if (decision._tag === "Refused") {
            expect(decision.allowed).not.toContain(command)
            continue
          }
          const after = decision.events.reduce(evolveOrder, status)
          expect(after).toBe(orderMachine.commands[command].to)
        }
  })
})

const isDrivers = ({ _tag }: ShipmentCommand): boolean =>
  _tag === "Task" || _tag === "AcceptOffer" || _tag === "DeclineOffer"

const mayAsk = (command: ShipmentCommand, by: (typeof actorKinds)[number]): boolean => {
  if (isDrivers(command)) return by === "driver"
  if (command._tag === "ExpireOffers") return by === "system"
  if (command._tag === "Cancel") return by !== "driver"
  return by !== "customer" && (by !== "driver" || command._tag === "StartReturn")
}

describe("a shipment", () => {
  it("reaches every status of its machine", () => {
    expect(new Set(states.map((state) => state.status))).toEqual(new Set(shipmentStatuses))
  })

  it("is in a legal state after everything that it takes from anybody, and says truly what it would take", () => {
    for (const state of states)
      for (const by of actorKinds)
        for (const command of commandsFor(state)) {
          const decision = decideShipment(state, command, by)
          if (decision._tag === "Refused") {
            expect(decision.code).toBeTypeOf("string")
            continue
          }
          const after = take(state, decision.events)
          expect(after.version).toBe(state.version + decision.events.length)
          expect(after.assignments.filter((each) => isCarrying(each.status)).length).toBeLessThanOrEqual(1)
          const mustCarry = ["assigned", "en_route_to_pickup", "at_pickup", "picked_up", "en_route", "arrived"]
          // Whoever takes over a return carries it.
          if (after.status !== "returning")
            expect(carryingAssignment(after) !== undefined, after.status).toBe(mustCarry.includes(after.status))
          if (state.isPickedUp) expect(after.status).not.toBe("cancelled")
          // An offer is open only while the shipment waits, and the table of the machine has every move that was made.
          if (after.status !== "dispatching") expect(openOffers(after)).toEqual([])
          expect(after.assignments.every((each) => (each.status === "pending") === (each.expiresAtMs !== null))).toBe(
            true
          )
          decision.events.reduce((from, event) => {
            const to = evolveShipment(from, event) ?? from
            const isMove = Object.values(shipmentMachine.commands).some(
              (move) => move.to === to.status && move.from.some((status) => status === from.status)
            )
            expect(from.status === to.status || isMove, `${from.status} -> ${to.status}`).toBe(true)
            return to
          }, state)
          for (const [index, stop] of after.stops.entries()) {
            const before = state.stops[index]?.status ?? "planned"
            const legal = Object.values(stopMachine.commands).some(
              ({ from, to }) => to === stop.status && from.includes(before)
            )
            expect(stop.status === before || legal, `stop ${before} -> ${stop.status}`).toBe(true)
          }
        }
  })

  it("names in `allowed` exactly the TASK actions that it would take", () => {
    for (const state of states) {
      const taken = taskActions.filter((action) => {
        const decision = decideShipment(state, task(state, action), "driver")
        return decision._tag === "Accepted" && decision.events.length > 0
      })
      for (const action of taskActions) {
        const decision = decideShipment(state, task(state, action), "driver")
        if (decision._tag === "Refused" && decision.code === "illegal_transition")
          expect([...decision.allowed].sort(), state.status).toEqual([...taken].sort())
      }
    }
  })

  it("names in `allowed` exactly what staff can do with it", () => {
    const ask = { assignmentId: "assignment-new", driverId: "driver-new", reason: "not heard of" }
    const asked: Readonly<Record<string, ShipmentCommand>> = {
      assign: { _tag: "Assign", ...ask },
      reassign: { _tag: "Reassign", ...ask },
      unassign: { _tag: "Unassign", reason: "not heard of" },
      retry: { _tag: "Retry" },
      start_return: { _tag: "StartReturn" },
      mark_returned: { _tag: "MarkReturned", reason: "brought by a neighbour" },
      cancel: { _tag: "Cancel" }
    }
    for (const state of states) {
      const taken = Object.entries(asked).flatMap(([name, command]) => {
        const decision = decideShipment(state, command, "dispatcher")
        return decision._tag === "Accepted" && decision.events.length > 0 ? [name] : []
      })
      const allowed = allowedCommands(state, "dispatcher").filter((name) => name in asked)
      expect([...allowed].sort(), `${state.status} ${newestAssignment(state)?.status}`).toEqual([...taken].sort())
    }
  })

  it("is never stuck: staff alone can end it from wherever it is", () => {
    const endsIn = (state: ShipmentState, steps: number): boolean =>
      isEnded(state.status) ||
      (steps > 0 &&
        commandsFor(state).some((command) => {
          const decision = decideShipment(state, command, "dispatcher")
          return (
            decision._tag === "Accepted" &&
            decision.events.length > 0 &&
            endsIn(take(state, decision.events), steps - 1)
          )
        }))
    for (const state of states) expect(endsIn(state, 2), state.status).toBe(true)
  })

  it("that is on its way back is in the hands of whoever failed to deliver it, until staff name another driver", () => {
    const left = (state: ShipmentState) => newestAssignment(state)?.status
    for (const state of states.filter(({ status }) => status === "returning")) {
      const holder = holdingAssignment(state)
      expect(holder?.status).toBe(left(state) === "failed" || left(state) === "accepted" ? left(state) : undefined)
      const to = { assignmentId: "assignment-new", driverId: "driver-new" }
      const how = holder === undefined ? "Assign" : "Reassign"
      if (holder !== undefined) {
        expect(decideShipment(state, { _tag: "Reassign", ...to }, "admin")).toMatchObject({ code: "reason_required" })
        expect(decideShipment(state, { _tag: "Assign", ...to }, "admin")).toMatchObject({
          code: "shipment_already_taken"
        })
      }
      const decision = decideShipment(state, { _tag: how, ...to, reason: "not heard of" }, "admin")
      if (decision._tag === "Refused") throw new Error(decision.code)
      const after = take(state, decision.events)
      expect([after.status, holdingAssignment(after)?.driverId]).toEqual(["returning", "driver-new"])
      const ofOld = decideShipment(after, task(state, "returned"), "driver")
      expect(ofOld).toMatchObject({ _tag: "Refused", code: "stale_fencing_token" })
      const brought = decideShipment(after, task(after, "returned"), "driver")
      if (brought._tag === "Refused") throw new Error(brought.code)
      expect(newestAssignment(take(after, brought.events))?.status).toBe("returned")
    }
  })

  it("takes a repeated command with the current token as done, and refuses any other token", () => {
    for (const state of states)
      for (const action of taskActions) {
        const decision = decideShipment(state, task(state, action), "driver")
        const stale = decideShipment(state, task(state, action, 99), "driver")
        expect(stale).toMatchObject({
          _tag: "Refused",
          code: newestAssignment(state) === undefined ? "assignment_not_found" : "stale_fencing_token"
        })
        if (decision._tag === "Refused" || decision.events.length === 0) continue
        const after = take(state, decision.events)
        expect(decideShipment(after, task(after, action), "driver"), action).toEqual({ _tag: "Accepted", events: [] })
      }
  })

  it("lets nobody do what is another's", () => {
    for (const state of states) {
      for (const command of commandsFor(state)) {
        for (const by of actorKinds) {
          if (mayAsk(command, by)) continue
          expect(decideShipment(state, command, by)).toMatchObject({ _tag: "Refused", code: "not_permitted" })
        }
      }
      if (carryingAssignment(state) !== undefined) expect(allowedCommands(state, "customer")).toEqual([])
    }
  })

  it("gives a higher token to each assignment, over any history", () => {
    const seed = Number(process.env.SEED ?? 20_261_123)
    fc.assert(
      fc.property(fc.array(fc.nat(99), { maxLength: 60 }), (choices) => {
        let state = states[0] as ShipmentState
        const log: Array<ShipmentEvent> = [created]
        for (const choice of choices) {
          const commands = commandsFor(state)
          const command = commands[choice % commands.length] as ShipmentCommand
          const decision = decideShipment(state, command, isDrivers(command) ? "driver" : "system")
          if (decision._tag === "Refused") continue
          log.push(...decision.events)
          state = take(state, decision.events)
        }
        const tokens = state.assignments.map((each) => each.fencingToken)
        expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b))
        expect(foldShipment(log)).toEqual(state)
      }),
      { seed, numRuns: 500 }
    )
  })
})

describe("docs/STATE-MACHINES.md", () => {
  it("is what the code says (npm run docs writes it)", () => {
    expect(isStateMachinesPageCurrent()).toBe(true)
  })
})
