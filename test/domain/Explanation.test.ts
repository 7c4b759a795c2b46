import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { ActorKind } from "../../src/domain/Actor.ts"
import { isCarrying } from "../../src/domain/Assignment.ts"
import { explainAssignment, type LoggedEvent } from "../../src/domain/Explanation.ts"
import { decideShipment, type ShipmentCommand } from "../../src/domain/ShipmentDecision.ts"
import type { ShipmentEvent } from "../../src/domain/ShipmentEvent.ts"
import { foldShipment, newestAssignment, openOffers, type ShipmentState } from "../../src/domain/ShipmentState.ts"
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

/** A shipment's log as commands make it, one second apart. */
class Logbook {
  readonly log: Array<LoggedEvent> = []

  constructor() {
    this.keep([created], "system")
  }

  get state(): ShipmentState {
    const state = foldShipment(this.log.map(({ event }) => event))
    if (state === undefined) throw new Error("the log begins with shipment.created")
    return state
  }

  get nowMs(): number {
    return this.log.length * 1_000
  }

  private keep(events: ReadonlyArray<ShipmentEvent>, kind: ActorKind): void {
    const at = new Date(this.nowMs)
    const cause = `command ${this.log.length}`
    for (const event of events) this.log.push({ event, at, by: { kind, id: undefined }, cause })
  }

  /** Takes what the shipment takes; answers whether it did. */
  ask(command: ShipmentCommand, by: ActorKind): boolean {
    const decision = decideShipment(this.state, command, by)
    if (decision._tag === "Accepted") this.keep(decision.events, by)
    return decision._tag === "Accepted"
  }

  offer(expiresAtMs: number, ...driverIds: ReadonlyArray<string>): void {
    const offers = driverIds.map((driverId) => ({ assignmentId: `${driverId}-${this.log.length}`, driverId }))
    this.ask({ _tag: "Offer", offers, expiresAtMs, nowMs: this.nowMs }, "dispatcher")
  }

  answers(assignmentId: string): ReadonlyArray<string> | undefined {
    return explainAssignment(this.log, assignmentId)?.candidates.map((each) => `${each.driverId} ${each.answer}`)
  }
}

describe("an explanation", () => {
  it("lists who was asked since the shipment began to wait, and nobody of a search before", () => {
    const book = new Logbook()
    book.offer(2_500, "anna")
    book.offer(60_000, "ben", "cleo")
    book.ask({ _tag: "ExpireOffers", nowMs: 3_000 }, "system")
    const [ben] = openOffers(book.state)
    if (ben === undefined) throw new Error("ben was asked")
    book.ask({ _tag: "AcceptOffer", ...ben, nowMs: book.nowMs }, "driver")
    const first = ["anna expired", "ben accepted", "cleo lost"]
    expect(book.answers(ben.assignmentId)).toEqual(first)
    book.ask({ _tag: "Unassign" }, "dispatcher")
    book.offer(60_000, "cleo")
    const again = openOffers(book.state)[0]?.assignmentId ?? ""
    expect(book.answers(again)).toEqual(["cleo open"])
    expect(book.answers(ben.assignmentId)).toEqual(first)
    expect(explainAssignment(book.log, ben.assignmentId)?.ended?.event.type).toBe("shipment.unassigned")
    book.ask({ _tag: "Assign", assignmentId: "by-server", driverId: "dora" }, "system")
    expect(explainAssignment(book.log, "by-server")).toMatchObject({ origin: "by_server", taken: book.log.at(-1) })
    expect(book.answers("by-server")).toEqual(["cleo lost"])
  })

  it("is none for an assignment that the log does not tell of", () => {
    const book = new Logbook()
    book.ask({ _tag: "Assign", assignmentId: "one", driverId: "anna" }, "admin")
    expect(explainAssignment(book.log, "one")?.origin).toBe("by_hand")
    expect(explainAssignment(book.log, "two")).toBeUndefined()
    expect(explainAssignment(book.log.slice(1), "one")).toBeUndefined()
    expect(explainAssignment([], "one")).toBeUndefined()
  })

  it("of every assignment agrees with the state that its log folds to, over any history", () => {
    const seed = Number(process.env.SEED ?? 20_261_124)
    const history = fc.array(fc.tuple(fc.nat(99), fc.nat(2)), { maxLength: 60 })
    fc.assert(
      fc.property(history, (choices) => {
        const book = new Logbook()
        for (const [choice, who] of choices) {
          const driverId = ["anna", "ben", "cleo"][who] ?? "anna"
          const { state, nowMs } = book
          const next = `${driverId}-${book.log.length}`
          const own = newestAssignment(state)
          const open = openOffers(state).at(-1)
          const commands: ReadonlyArray<ShipmentCommand> = [
            { _tag: "Offer", offers: [{ assignmentId: next, driverId }], expiresAtMs: nowMs + 3_000, nowMs },
            { _tag: "ExpireOffers", nowMs },
            { _tag: "Assign", assignmentId: next, driverId },
            { _tag: "Reassign", assignmentId: next, driverId, reason: "not heard of" },
            { _tag: "Unassign", reason: "not heard of" },
            { _tag: "Retry" },
            { _tag: "StartReturn" },
            ...(open === undefined
              ? []
              : [
                  { _tag: "AcceptOffer", ...open, nowMs } as const,
                  { _tag: "DeclineOffer", ...open, nowMs, reason: "too far" } as const
                ]),
            ...(own === undefined
              ? []
              : taskActions.map((action) => ({ _tag: "Task", action, ...own, payload: {} }) as const))
          ]
          const command = commands[choice % commands.length]
          const isDrivers =
            command?._tag === "Task" || command?._tag.endsWith("clineOffer") || command?._tag === "AcceptOffer"
          if (command !== undefined) book.ask(command, isDrivers ? "driver" : "system")
        }
        for (const { assignmentId, status } of book.state.assignments) {
          const why = explainAssignment(book.log, assignmentId)
          if (why === undefined) throw new Error("the log tells of it")
          const isOpen = status === "pending" || isCarrying(status)
          expect([assignmentId, why.ended === undefined]).toEqual([assignmentId, isOpen])
          const candidate = why.candidates.find((each) => each.assignmentId === assignmentId)
          expect(candidate !== undefined).toBe(why.origin === "by_offer")
          expect(why.taken === undefined).toBe(["pending", "rejected", "expired"].includes(status))
          const accepted = why.candidates.filter((each) => each.answer === "accepted")
          expect(accepted.length).toBeLessThanOrEqual(1)
          if (accepted.length === 1)
            expect(why.candidates.filter((each) => each.answer === "open" || each.answer === "withdrawn")).toEqual([])
        }
      }),
      { seed, numRuns: 300 }
    )
  })
})
