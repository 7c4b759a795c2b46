/** Some driver's part in a shipment. Its fencing token names it: no two of a shipment have the same. */
export interface ModelPart {
  readonly token: number
  readonly driver: string
  readonly status: string
}

/** A shipment as docs/STATE-MACHINES.md tells it, written down anew from there: it uses nothing of what it is held against. */
export interface ModelShipment {
  readonly status: string
  readonly isPickedUp: boolean
  readonly pickup: string
  readonly dropoff: string
  /** By token. */
  readonly parts: ReadonlyArray<ModelPart>
  /** Every type so far, without its `shipment.`. */
  readonly events: ReadonlyArray<string>
}

/** What somebody asks of a shipment. `token` names the assignment or offer, `presented` is the token that the frame carries. */
export type ModelCommand =
  | {
      readonly kind: "task"
      readonly driver: string
      readonly token: number
      readonly presented: number
      readonly action: string
    }
  | {
      readonly kind: "reply"
      readonly driver: string
      readonly token: number
      readonly presented: number
      readonly accepted: boolean
    }
  | { readonly kind: "offer"; readonly drivers: ReadonlyArray<string> }
  | { readonly kind: "assign"; readonly driver: string }
  | { readonly kind: "reassign"; readonly driver: string; readonly isExplained: boolean }
  | { readonly kind: "unassign"; readonly isExplained: boolean }
  | { readonly kind: "cancel" | "retry" | "start_return" | "mark_returned" | "expire_offers" }

/** What a command comes to; without a code it was taken. */
export interface ModelAnswer {
  readonly code: string | undefined
  readonly after: ModelShipment
}

/** A shipment that has just begun. */
export const begun: ModelShipment = {
  status: "created",
  isPickedUp: false,
  pickup: "planned",
  dropoff: "planned",
  parts: [],
  events: ["created"]
}

const carries = ({ status }: ModelPart): boolean => ["accepted", "en_route", "arrived"].includes(status)
const wasHad = ({ status }: ModelPart): boolean => !["pending", "rejected", "expired"].includes(status)
const untilPickup = ["assigned", "en_route_to_pickup", "at_pickup"]
const withParcel = ["picked_up", "en_route", "arrived"]

const replanned = (stop: string): string => (["en_route", "arrived", "failed"].includes(stop) ? "planned" : stop)
const skipped = (stop: string): string => (["planned", "en_route", "arrived"].includes(stop) ? "skipped" : stop)
const expired = (part: ModelPart): ModelPart => (part.status === "pending" ? { ...part, status: "expired" } : part)
/** On the way back nobody is asked any more, and no stop is ahead. */
const turnedBack = (shipment: ModelShipment): Partial<ModelShipment> => ({
  pickup: skipped(shipment.pickup),
  dropoff: skipped(shipment.dropoff),
  parts: shipment.parts.map(expired)
})
const become =
  (token: number | undefined, status: string) =>
  (part: ModelPart): ModelPart =>
    part.token === token ? { ...part, status } : part

const refused = (after: ModelShipment, code: string): ModelAnswer => ({ code, after })
const unchanged = (after: ModelShipment): ModelAnswer => ({ code: undefined, after })
const happened = (
  before: ModelShipment,
  events: ReadonlyArray<string>,
  change: Partial<ModelShipment>
): ModelAnswer => ({
  code: undefined,
  after: { ...before, ...change, events: [...before.events, ...events] }
})

interface Report {
  readonly from: ReadonlyArray<string>
  readonly to: string
  readonly part: string
  /** The stop that it is about, what it must be, and what it becomes. */
  readonly stop?: readonly [which: "pickup" | "dropoff", from: ReadonlyArray<string>, to: string]
}

const reports: Readonly<Record<string, Report>> = {
  en_route_to_pickup: {
    from: ["assigned"],
    to: "en_route_to_pickup",
    part: "accepted",
    stop: ["pickup", ["planned"], "en_route"]
  },
  at_pickup: {
    from: ["en_route_to_pickup"],
    to: "at_pickup",
    part: "accepted",
    stop: ["pickup", ["en_route"], "arrived"]
  },
  picked_up: { from: ["at_pickup"], to: "picked_up", part: "accepted", stop: ["pickup", ["arrived"], "completed"] },
  en_route: { from: ["picked_up"], to: "en_route", part: "en_route", stop: ["dropoff", ["planned"], "en_route"] },
  arrived: { from: ["en_route"], to: "arrived", part: "arrived", stop: ["dropoff", ["en_route"], "arrived"] },
  delivered: { from: ["arrived"], to: "delivered", part: "delivered", stop: ["dropoff", ["arrived"], "completed"] },
  failed: { from: ["arrived"], to: "failed", part: "failed", stop: ["dropoff", ["arrived"], "failed"] },
  handed_off: {
    from: withParcel,
    to: "dispatching",
    part: "handed_off",
    stop: ["dropoff", ["en_route", "arrived", "failed"], "planned"]
  },
  returned: { from: ["returning"], to: "returned", part: "returned" }
}

type Task = Extract<ModelCommand, { readonly kind: "task" }>

const reported = (shipment: ModelShipment, { driver, token, presented, action }: Task): ModelAnswer => {
  const own = shipment.parts.find((part) => part.token === token && part.driver === driver)
  const report = reports[action]
  if (own === undefined || report === undefined) return refused(shipment, "assignment_not_found")
  if (presented !== token || shipment.parts.findLast(wasHad) !== own) return refused(shipment, "stale_fencing_token")
  if (shipment.status === report.to && own.status === report.part) return unchanged(shipment)
  // A parcel that has left its pickup needs no second one; a return begins with its end.
  const isUnderway = shipment.isPickedUp && untilPickup.includes(shipment.status)
  const implied =
    action === "returned" && shipment.status === "failed"
      ? "returning"
      : action === "en_route" && isUnderway
        ? "picked_up"
        : undefined
  const isInTurn =
    report.from.includes(implied ?? shipment.status) || (action === "picked_up" && isUnderway && carries(own))
  if (!isInTurn || !(carries(own) || own.status === "failed")) return refused(shipment, "illegal_transition")
  const stop = report.stop
  const moved = stop?.[1].includes(shipment[stop[0]]) ? { [stop[0]]: stop[2] } : {}
  return happened(shipment, implied === undefined ? [action] : [implied, action], {
    ...(implied === "returning" ? turnedBack(shipment) : {}),
    ...moved,
    status: report.to,
    isPickedUp: shipment.isPickedUp || action === "picked_up",
    parts: shipment.parts.map(become(token, report.part))
  })
}

const given = (shipment: ModelShipment, events: ReadonlyArray<string>, parts: ReadonlyArray<ModelPart>): ModelAnswer =>
  happened(shipment, events, {
    status: "assigned",
    pickup: replanned(shipment.pickup),
    dropoff: replanned(shipment.dropoff),
    parts: parts.map(expired)
  })

type Reply = Extract<ModelCommand, { readonly kind: "reply" }>

const replied = (shipment: ModelShipment, { driver, token, presented, accepted }: Reply): ModelAnswer => {
  const own = shipment.parts.find((part) => part.token === token && part.driver === driver)
  if (own === undefined) return refused(shipment, "offer_not_found")
  if (presented !== token) return refused(shipment, "stale_fencing_token")
  if (accepted ? carries(own) : own.status === "rejected") return unchanged(shipment)
  if (wasHad(own) || own.status === "rejected") return refused(shipment, "illegal_transition")
  if (own.status === "expired") {
    if (shipment.status === "cancelled") return refused(shipment, "offer_withdrawn")
    const isTurnedBack = ["returning", "returned"].includes(shipment.status)
    if (isTurnedBack && (shipment.parts.findLast(wasHad)?.token ?? 0) < token)
      return refused(shipment, "offer_withdrawn")
    return refused(shipment, shipment.status === "dispatching" ? "offer_expired" : "shipment_already_taken")
  }
  if (accepted) return given(shipment, ["assigned"], shipment.parts.map(become(token, "accepted")))
  return happened(shipment, ["offer_declined"], { parts: shipment.parts.map(become(token, "rejected")) })
}

const added = (shipment: ModelShipment, drivers: ReadonlyArray<string>, status: string): ReadonlyArray<ModelPart> => [
  ...shipment.parts,
  ...drivers.map((driver, index) => ({ token: (shipment.parts.at(-1)?.token ?? 0) + index + 1, driver, status }))
]

const offered = (shipment: ModelShipment, drivers: ReadonlyArray<string>): ModelAnswer => {
  if (shipment.parts.some(carries)) return refused(shipment, "shipment_already_taken")
  if (!["created", "dispatching"].includes(shipment.status)) return refused(shipment, "illegal_transition")
  const asked = drivers.filter(
    (driver) => !shipment.parts.some((part) => part.driver === driver && part.status === "pending")
  )
  if (asked.length === 0) return unchanged(shipment)
  const events = shipment.status === "created" ? ["dispatching", "offered"] : ["offered"]
  return happened(shipment, events, { status: "dispatching", parts: added(shipment, asked, "pending") })
}

/** Who brings a parcel back: while it is on its way back it has a driver, the one who failed to deliver it included, or none. */
const bringing = (shipment: ModelShipment, driver: string, isReplacing: boolean, isExplained: boolean): ModelAnswer => {
  const newest = shipment.parts.findLast(wasHad)
  const holder = newest !== undefined && (carries(newest) || newest.status === "failed") ? newest : undefined
  if (holder?.driver === driver) return unchanged(shipment)
  if (!isReplacing && holder !== undefined) return refused(shipment, "shipment_already_taken")
  if (isReplacing && holder === undefined) return refused(shipment, "illegal_transition")
  if (isReplacing && !isExplained) return refused(shipment, "reason_required")
  // A failed attempt stays one.
  const parts = added(shipment, [driver], "accepted").map((part) =>
    part.token === holder?.token && carries(part) ? { ...part, status: "handed_off" } : part
  )
  return happened(shipment, ["return_assigned"], { parts })
}

const assigned = (shipment: ModelShipment, driver: string): ModelAnswer => {
  if (shipment.status === "returning") return bringing(shipment, driver, false, false)
  const carrier = shipment.parts.find(carries)
  if (carrier !== undefined)
    return carrier.driver === driver ? unchanged(shipment) : refused(shipment, "shipment_already_taken")
  if (!["created", "dispatching"].includes(shipment.status)) return refused(shipment, "illegal_transition")
  const events = shipment.status === "created" ? ["dispatching", "assigned"] : ["assigned"]
  return given(shipment, events, added(shipment, [driver], "accepted"))
}

/** Takes the shipment from who has it; before the pickup as if never given, after it as handed off, which needs a reason. */
const taken = (shipment: ModelShipment, isExplained: boolean): ModelAnswer => {
  const carrier = shipment.parts.find(carries)
  if (carrier === undefined || shipment.status === "returning") return refused(shipment, "illegal_transition")
  const hasParcel = withParcel.includes(shipment.status)
  if (hasParcel && !isExplained) return refused(shipment, "reason_required")
  return happened(shipment, [hasParcel ? "handed_off" : "unassigned"], {
    status: "dispatching",
    pickup: replanned(shipment.pickup),
    dropoff: replanned(shipment.dropoff),
    parts: shipment.parts.map(become(carrier.token, hasParcel ? "handed_off" : "cancelled"))
  })
}

const reassigned = (shipment: ModelShipment, driver: string, isExplained: boolean): ModelAnswer => {
  if (shipment.status === "returning") return bringing(shipment, driver, true, isExplained)
  if (shipment.parts.find(carries)?.driver === driver) return unchanged(shipment)
  const { code, after } = taken(shipment, isExplained)
  if (code !== undefined) return refused(shipment, code)
  // Before the pickup one event says both.
  const events = after.events.at(-1) === "handed_off" ? ["handed_off", "assigned"] : ["assigned"]
  return { code, after: { ...assigned(after, driver).after, events: [...shipment.events, ...events] } }
}

const cancelled = (shipment: ModelShipment): ModelAnswer => {
  if (shipment.status === "cancelled") return unchanged(shipment)
  if (shipment.isPickedUp || !["created", "dispatching", ...untilPickup].includes(shipment.status))
    return refused(shipment, "illegal_transition")
  return happened(shipment, ["cancelled"], {
    status: "cancelled",
    pickup: skipped(shipment.pickup),
    dropoff: skipped(shipment.dropoff),
    parts: shipment.parts.map((part) => (carries(part) ? { ...part, status: "cancelled" } : expired(part)))
  })
}

const retried = (shipment: ModelShipment): ModelAnswer => {
  if (shipment.status === "dispatching" && shipment.isPickedUp) return unchanged(shipment)
  if (shipment.status !== "failed") return refused(shipment, "illegal_transition")
  return happened(shipment, ["retrying"], {
    status: "dispatching",
    pickup: replanned(shipment.pickup),
    dropoff: replanned(shipment.dropoff)
  })
}

const startedBack = (shipment: ModelShipment): ModelAnswer => {
  if (shipment.status === "returning") return unchanged(shipment)
  if (shipment.status !== "failed" && !(shipment.status === "dispatching" && shipment.isPickedUp))
    return refused(shipment, "illegal_transition")
  return happened(shipment, ["returning"], { ...turnedBack(shipment), status: "returning" })
}

const markedBack = (shipment: ModelShipment): ModelAnswer => {
  if (shipment.status === "returned") return unchanged(shipment)
  const { code, after } = startedBack(shipment)
  if (code !== undefined) return refused(shipment, code)
  const newest = after.parts.findLast(wasHad)
  return happened(after, ["returned"], {
    status: "returned",
    parts: after.parts.map((part) =>
      part === newest && ["accepted", "failed"].includes(part.status) ? { ...part, status: "returned" } : part
    )
  })
}

/** What a command does to a shipment, and what is answered. */
export const modelAnswer = (shipment: ModelShipment, command: ModelCommand): ModelAnswer => {
  switch (command.kind) {
    case "task":
      return reported(shipment, command)
    case "reply":
      return replied(shipment, command)
    case "offer":
      return offered(shipment, command.drivers)
    case "assign":
      return assigned(shipment, command.driver)
    case "reassign":
      return reassigned(shipment, command.driver, command.isExplained)
    case "unassign":
      return shipment.status === "dispatching" ? unchanged(shipment) : taken(shipment, command.isExplained)
    case "cancel":
      return cancelled(shipment)
    case "retry":
      return retried(shipment)
    case "start_return":
      return startedBack(shipment)
    case "mark_returned":
      return markedBack(shipment)
    case "expire_offers":
      return shipment.parts.some((part) => part.status === "pending")
        ? happened(shipment, ["offer_expired"], { parts: shipment.parts.map(expired) })
        : unchanged(shipment)
  }
}

/** One thing that was asked, and how it was answered: the code, and of a command that was taken what else was told. */
export interface Observed {
  readonly command: ModelCommand
  readonly code: string | undefined
  /** Of a phone's command that was taken: the shipment's status, the assignment's, and the number of events. */
  readonly told?: readonly [shipmentStatus: unknown, status: unknown, sequence: unknown]
}

const isExplainedBy = (answer: ModelAnswer, { command, code, told }: Observed): boolean => {
  if (answer.code !== code) return false
  if (told === undefined || !("token" in command)) return true
  const { status, parts, events } = answer.after
  const own = parts.find((part) => part.token === command.token)?.status
  return told[0] === status && told[1] === own && told[2] === events.length
}

/**
 * Every state that can follow when several askers each asked in their own order, and nothing but the answers tells who was when: the ends of
 * all interleavings in which each answer is the model's. None: what was answered cannot have happened.
 */
export const statesAfter = (
  before: ReadonlyArray<ModelShipment>,
  askers: ReadonlyArray<ReadonlyArray<Observed>>
): ReadonlyArray<ModelShipment> => {
  const ends = new Map<string, ModelShipment>()
  const seen = new Set<string>()
  const go = (shipment: ModelShipment, places: ReadonlyArray<number>): void => {
    const key = JSON.stringify([places, shipment])
    if (seen.has(key)) return
    seen.add(key)
    if (places.every((place, asker) => place === askers[asker]?.length)) ends.set(JSON.stringify(shipment), shipment)
    for (const [asker, place] of places.entries()) {
      const next = askers[asker]?.[place]
      if (next === undefined) continue
      const answer = modelAnswer(shipment, next.command)
      if (isExplainedBy(answer, next)) go(answer.after, places.with(asker, place + 1))
    }
  }
  for (const shipment of before)
    go(
      shipment,
      askers.map(() => 0)
    )
  return [...ends.values()]
}
