import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { isStateMachinesPageCurrent } from "../../scripts/stateMachines.ts"
import { actorKinds } from "../../src/domain/Actor.ts"
import { assignmentMachine, isCarrying } from "../../src/domain/Assignment.ts"
import { decideOrder, evolveOrder, orderMachine } from "../../src/domain/Order.ts"
import { shipmentMachine, shipmentStatuses } from "../../src/domain/Shipment.ts"
import { allowedCommands, decideShipment, type ShipmentCommand } from "../../src/domain/ShipmentDecision.ts"
import type { ShipmentEvent } from "../../src/domain/ShipmentEvent.ts"
import { carryingAssignment, evolveShipment, foldShipment, type ShipmentState } from "../../src/domain/ShipmentState.ts"
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

const task = (state: ShipmentState, action: (typeof taskActions)[number], token?: number): ShipmentCommand => {
  const own = state.assignments.at(-1)
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
    { _tag: "Assign", assignmentId: next, driverId: "driver-a" },
    { _tag: "Assign", assignmentId: next, driverId: "driver-b" },
    { _tag: "Reassign", assignmentId: next, driverId: "driver-b" },
    { _tag: "Unassign" },
    { _tag: "StartReturn" },
    { _tag: "Cancel" },
    ...taskActions.map((action) => task(state, action)),
    ...taskActions.map((action) => task(state, action, 99))
  ]
}

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
      const key = JSON.stringify([state.status, state.isPickedUp, state.stops, state.assignments.at(-1)?.status])
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
          expect(carryingAssignment(after) !== undefined, after.status).toBe(mustCarry.includes(after.status))
          if (state.isPickedUp) expect(after.status).not.toBe("cancelled")
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

  it("takes a repeated command with the current token as done, and refuses any other token", () => {
    for (const state of states)
      for (const action of taskActions) {
        const decision = decideShipment(state, task(state, action), "driver")
        const stale = decideShipment(state, task(state, action, 99), "driver")
        expect(stale).toMatchObject({
          _tag: "Refused",
          code: state.assignments.length === 0 ? "assignment_not_found" : "stale_fencing_token"
        })
        if (decision._tag === "Refused" || decision.events.length === 0) continue
        const after = take(state, decision.events)
        expect(decideShipment(after, task(after, action), "driver"), action).toEqual({ _tag: "Accepted", events: [] })
      }
  })

  it("lets nobody do what is another's", () => {
    for (const state of states) {
      for (const command of commandsFor(state)) {
        const isTask = command._tag === "Task"
        for (const by of actorKinds) {
          if (isTask ? by === "driver" : by !== "customer") continue
          if (!isTask && command._tag === "Cancel") continue
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
          const decision = decideShipment(state, command, command._tag === "Task" ? "driver" : "admin")
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
  it("is what the code says (node scripts/stateMachines.ts writes it)", () => {
    expect(isStateMachinesPageCurrent()).toBe(true)
  })
})
