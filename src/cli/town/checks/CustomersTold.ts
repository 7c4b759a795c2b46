import type { AssignmentStatus } from "../../../domain/Assignment.ts"
import { customerEventTypes } from "../../../domain/CustomerEvent.ts"
import { carryingAssignment, type ShipmentState } from "../../../domain/ShipmentState.ts"
import { type TrackingStage, trackingStage } from "../../../domain/TrackingStage.ts"
import type { Finding } from "../../fleet/Violation.ts"
import { type OrderFacts, statesAlong } from "../OrderFacts.ts"
import type { Telling } from "../TrackingWitness.ts"

const invariant = "customers are told nothing untrue"

/** What one customer's page was told. */
export interface Told {
  readonly orderId: string
  readonly tellings: ReadonlyArray<Telling>
  readonly faults: ReadonlyArray<string>
  /** It was connected when all was over: it must have been told everything. */
  readonly sawTheEnd: boolean
}

const stagesOf = (state: ShipmentState | undefined, isOrderCancelled: boolean): ReadonlyArray<TrackingStage> => {
  const assignmentStatus: AssignmentStatus | undefined = state && carryingAssignment(state)?.status
  const facts = { shipmentStatus: state?.status, assignmentStatus, isOrderCancelled, nearbyM: 1 }
  return [2, 0].map((distanceM) => trackingStage({ ...facts, distanceM }))
}

/** An order's story as its customer may hear it. */
class Story {
  /** Where in the timeline the events that customers are shown are. */
  private readonly shown: ReadonlyArray<{ readonly type: string; readonly at: number }>
  /** By how many events there are, from none. */
  private readonly stages: ReadonlyArray<ReadonlyArray<TrackingStage>>
  private readonly isCancelled: boolean
  private heard = 0

  constructor({ order, timeline }: OrderFacts) {
    this.shown = timeline.flatMap(({ type }, at) => (customerEventTypes.has(type) ? [{ type, at }] : []))
    this.stages = [undefined, ...statesAlong(timeline)].map((state) => stagesOf(state, false))
    this.isCancelled = order.status === "cancelled"
  }

  get isWhole(): boolean {
    return this.heard === this.shown.length
  }

  /** What is wrong with the next telling; undefined when it may be said. */
  hear(telling: Telling): string | undefined {
    if (telling.kind === "event") return this.hearEvent(telling.type)
    if (telling.kind === "stage") return this.hearStage(telling.stage)
    this.heard = 0
    for (const type of telling.types) {
      const fault = this.hearEvent(type)
      if (fault !== undefined) return `a snapshot: ${fault}`
    }
    return this.hearStage(telling.stage)
  }

  /** Events of the order itself are not in its shipment's timeline. */
  private hearEvent(type: string): string | undefined {
    if (!type.startsWith("shipment.")) return undefined
    const next = this.shown[this.heard]?.type
    this.heard++
    return next === type ? undefined : `${type} was told where the timeline has ${next ?? "nothing"}`
  }

  /** A stage may be ahead of the event that it comes from, and goes with hidden events, too. */
  private hearStage(stage: TrackingStage): string | undefined {
    if (stage === "done" && this.isCancelled) return undefined
    const from = (this.shown[this.heard - 1]?.at ?? -1) + 1
    const to = (this.shown[this.heard]?.at ?? this.stages.length - 2) + 1
    const possible = new Set(this.stages.slice(from, to + 1).flat())
    return possible.has(stage)
      ? undefined
      : `${stage} was told after ${this.heard} events, when it was ${[...possible].join(" or ")}`
  }
}

const faultsOf = (told: Told, facts: OrderFacts | undefined): ReadonlyArray<string> => {
  if (facts === undefined) return told.faults
  const story = new Story(facts)
  for (const telling of told.tellings) {
    const fault = story.hear(telling)
    // What comes after is told from a wrong beginning.
    if (fault !== undefined) return [...told.faults, fault]
  }
  const isShort = told.sawTheEnd && told.tellings.length > 0 && !story.isWhole
  return isShort ? [...told.faults, "an event of the timeline was never told"] : told.faults
}

/** Pages that were told what their order's timeline does not say, or a field that the stage does not show. */
export const customersTold = (told: ReadonlyArray<Told>, orders: ReadonlyArray<OrderFacts>): ReadonlyArray<Finding> => {
  const byId = new Map(orders.map((facts) => [facts.order.id, facts]))
  return told.flatMap((each) =>
    faultsOf(each, byId.get(each.orderId)).map((seen) => ({ invariant, id: each.orderId, seen }))
  )
}
