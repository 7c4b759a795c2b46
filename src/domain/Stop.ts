import type { StateMachine } from "./StateMachine.ts"

/** Every status of a stop (`route_stop_status`). */
export const stopStatuses = ["planned", "en_route", "arrived", "completed", "failed", "skipped"] as const

/** One of the statuses. */
export type StopStatus = (typeof stopStatuses)[number]

/** What a stop is for. A break belongs to a run and has no shipment. */
export const stopTypes = ["pickup", "dropoff", "break"] as const

/** One of the types. */
export type StopType = (typeof stopTypes)[number]

/** What can be asked of a stop. */
export type StopCommand = "set_out" | "arrive" | "complete" | "fail" | "skip" | "replan"

/**
 * One place on a driver's way. `replan` is what a change of driver and another attempt do: a stop that the one before was on the
 * way to, or failed at, is planned again for the next (ADR 0053, 0112). `skip` is what a cancellation does.
 */
export const stopMachine: StateMachine<StopStatus, StopCommand> = {
  name: "stop",
  initial: "planned",
  states: stopStatuses,
  commands: {
    set_out: { from: ["planned"], to: "en_route" },
    arrive: { from: ["en_route"], to: "arrived" },
    complete: { from: ["arrived"], to: "completed" },
    fail: { from: ["arrived"], to: "failed" },
    skip: { from: ["planned", "en_route", "arrived"], to: "skipped" },
    replan: { from: ["en_route", "arrived", "failed"], to: "planned" }
  }
}
