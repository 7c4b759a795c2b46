import type { StateMachine } from "./StateMachine.ts"

/** Every status of an assignment (`assignment_status`). */
export const assignmentStatuses = [
  "pending",
  "accepted",
  "en_route",
  "arrived",
  "delivered",
  "handed_off",
  "rejected",
  "expired",
  "cancelled",
  "failed",
  "returned"
] as const

/** One of the statuses. */
export type AssignmentStatus = (typeof assignmentStatuses)[number]

/** What can be asked of an assignment. */
export type AssignmentCommand =
  | "accept"
  | "reject"
  | "expire"
  | "set_out"
  | "arrive"
  | "deliver"
  | "hand_off"
  | "fail"
  | "return"
  | "cancel"

const active = ["accepted", "en_route", "arrived"] as const

/**
 * One driver's part in one shipment. `accepted` lasts until the driver sets out to the drop-off, the way to the pickup
 * included: a tracking page may show the driver from `en_route` on. Whoever takes over a return has it `accepted` until it is back.
 */
export const assignmentMachine: StateMachine<AssignmentStatus, AssignmentCommand> = {
  name: "assignment",
  initial: "pending",
  states: assignmentStatuses,
  commands: {
    accept: { from: ["pending"], to: "accepted" },
    reject: { from: ["pending"], to: "rejected" },
    expire: { from: ["pending"], to: "expired" },
    set_out: { from: ["accepted"], to: "en_route" },
    arrive: { from: ["en_route"], to: "arrived" },
    deliver: { from: ["arrived"], to: "delivered" },
    hand_off: { from: active, to: "handed_off" },
    fail: { from: active, to: "failed" },
    return: { from: ["accepted", "failed"], to: "returned" },
    cancel: { from: active, to: "cancelled" }
  }
}

const neverTaken: ReadonlySet<AssignmentStatus> = new Set(["pending", "rejected", "expired"])

/**
 * Whether the driver had the shipment, now or once. An offer that nobody took never counted: it ends as rejected by its driver, or as
 * expired, whether its time passed, another driver was first, or the shipment was given away or cancelled (ADR 0110).
 */
export const wasTaken = (status: AssignmentStatus): boolean => !neverTaken.has(status)

/** Whether the assignment carries its shipment: at most one of a shipment does. */
export const isCarrying = (status: AssignmentStatus): boolean => active.some((each) => each === status)
