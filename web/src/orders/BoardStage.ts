import type { BoardOrder } from "./BoardOrder.ts"
import { deadlineOf } from "./Lateness.ts"

/** The board's parts, in the order of how soon somebody has to look. */
export const boardStages = ["attention", "waiting", "offered", "assigned", "underWay", "done"] as const

/** One of the parts. */
export type BoardStage = (typeof boardStages)[number]

/** How a part of the board is said and drawn: never by colour alone. */
export const stageLooks: Readonly<Record<BoardStage, { readonly label: string; readonly path: string }>> = {
  attention: {
    label: "Needs attention",
    path: "M12 2l10.5 19h-21zM10.8 9v6h2.4V9zM10.8 16.6V19h2.4v-2.4z"
  },
  waiting: {
    label: "Waiting",
    path: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zM12 6.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11z"
  },
  offered: { label: "Offered", path: "M3 5h18v11h-8l-5 5v-5H3zM6 8v5h12V8z" },
  assigned: { label: "Assigned", path: "M12 2.5l9.5 9.5-9.5 9.5L2.5 12z" },
  underWay: { label: "Under way", path: "M4 3l17 9-17 9 4-9z" },
  done: { label: "Done today", path: "M9.5 19.5L2.5 12.5l3-3 4 4 9-9 3 3z" }
}

const beforeDriver: ReadonlySet<string | null> = new Set([null, "created", "dispatching"])

/**
 * Where an order belongs on the board. Somebody has to look when an attempt failed or a parcel goes back, when a collected parcel has no
 * driver, and when an order without a driver is past its time. Undefined: it ended before today and is not on the board.
 */
export const stageOf = (order: BoardOrder, nowMs: number): BoardStage | undefined => {
  if (order.ended_at !== null) {
    const isToday = new Date(order.ended_at).toDateString() === new Date(nowMs).toDateString()
    return isToday ? "done" : undefined
  }
  const status = order.shipment_status
  if (status === "failed" || status === "returning") return "attention"
  if (beforeDriver.has(status)) {
    if (order.is_picked_up || nowMs > (deadlineOf(order) ?? Number.POSITIVE_INFINITY)) return "attention"
    return order.is_offered ? "offered" : "waiting"
  }
  return status === "assigned" ? "assigned" : "underWay"
}

const urgency = (order: BoardOrder): number => deadlineOf(order) ?? Number.POSITIVE_INFINITY

/** The most urgent first: what was promised earliest, then what was ordered earliest; what is done, the newest first. */
export const byUrgency =
  (stage: BoardStage) =>
  (a: BoardOrder, b: BoardOrder): number => {
    if (stage === "done") return (b.ended_at ?? "").localeCompare(a.ended_at ?? "")
    const [first, second] = [urgency(a), urgency(b)]
    return first === second ? a.created_at.localeCompare(b.created_at) : first < second ? -1 : 1
  }
