import { type ActorKind, isStaff } from "./Actor.ts"
import type { OrderStatus } from "./Order.ts"
import { accepted, type Decision, refused } from "./Refused.ts"
import { allowedIn, type StateMachine, step } from "./StateMachine.ts"

/** Every status of a payment (`payment_status`). */
export const paymentStatuses = ["pending", "authorized", "settled", "failed", "refunded"] as const

/** One of the statuses. */
export type PaymentStatus = (typeof paymentStatuses)[number]

/** What happens to a payment. The first four are asked for by people; the processor's answer says which of the others it is. */
export type PaymentCommand = "retry" | "authorize" | "decline" | "void" | "capture" | "refund"

/** What a payment is told by, in its order's log. */
export type PaymentEventType =
  | "payment.authorized"
  | "payment.failed"
  | "payment.settled"
  | "payment.voided"
  | "payment.refunded"

/** A payment's life. `refund` is the last part of what was settled going back; parts before it leave the status alone. */
export const paymentMachine: StateMachine<PaymentStatus, PaymentCommand> = {
  name: "payment",
  initial: "pending",
  states: paymentStatuses,
  commands: {
    retry: { from: ["failed"], to: "pending" },
    authorize: { from: ["pending"], to: "authorized" },
    decline: { from: ["pending", "authorized"], to: "failed" },
    void: { from: ["pending", "authorized"], to: "failed" },
    capture: { from: ["authorized"], to: "settled" },
    refund: { from: ["settled"], to: "refunded" }
  }
}

/** Who may ask what of a payment. `decline` is only ever the processor's word. */
export const paymentActors: Readonly<Record<PaymentCommand, ReadonlyArray<ActorKind>>> = {
  retry: ["customer", "dispatcher", "admin"],
  authorize: ["customer", "dispatcher", "admin"],
  decline: ["system"],
  void: ["dispatcher", "admin", "system"],
  capture: ["dispatcher", "admin", "system"],
  refund: ["dispatcher", "admin", "system"]
}

/** In which statuses an order can be paid: not as a draft, and not any more when it is cancelled. */
export const payableStatuses: ReadonlyArray<OrderStatus> = ["submitted", "confirmed", "fulfilled"]

const eventOf: Readonly<Partial<Record<PaymentCommand, PaymentEventType>>> = {
  authorize: "payment.authorized",
  decline: "payment.failed",
  void: "payment.voided",
  capture: "payment.settled",
  refund: "payment.refunded"
}

/** What a command does to a payment in a status; total. Its events are appended once the processor has said yes. */
export const decidePayment = (
  status: PaymentStatus,
  command: PaymentCommand,
  by: ActorKind
): Decision<PaymentEventType> => {
  if (!paymentActors[command].includes(by)) return refused("not_permitted", `a ${by} may not ${command} a payment`)
  const moved = step(paymentMachine, status, command)
  if (moved._tag === "Unchanged") return accepted()
  const event = eventOf[command]
  if (moved._tag === "Moved") return event === undefined ? accepted() : accepted(event)
  const allowed = allowedIn(paymentMachine, status).filter((each) => paymentActors[each].includes(by))
  return refused("illegal_transition", `a ${status} payment cannot be asked to ${command}`, allowed)
}

/** When what was authorized is taken (setting `payments.capture`). */
export const capturePolicies = ["on_delivery", "at_once", "manual"] as const

/** One of the policies. */
export type CapturePolicy = (typeof capturePolicies)[number]

/** What goes back when a parcel returns undelivered (setting `payments.returned`). */
export const returnPolicies = ["refund", "keep"] as const

/** One of the policies. */
export type ReturnPolicy = (typeof returnPolicies)[number]

/** What is to be known for what follows from an order's state for its payment. */
export interface PaymentSurroundings {
  readonly status: PaymentStatus
  readonly orderStatus: OrderStatus
  /** The shipment came back instead of never leaving. */
  readonly isReturned: boolean
  /** What is settled and not given back, minor units. */
  readonly refundable: number
  readonly capture: CapturePolicy
  readonly returned: ReturnPolicy
}

/**
 * What the server itself asks of the processor: a cancelled order keeps nobody's money, an authorization is taken when the policy says
 * so. Undefined: nothing. What comes back from a door is settled by the return policy; an authorization is never left hanging.
 */
export const paymentConsequence = (around: PaymentSurroundings): "capture" | "void" | "refund" | undefined => {
  const { status, orderStatus, capture } = around
  const keeps = around.isReturned && around.returned === "keep"
  if (orderStatus === "cancelled") {
    if (status === "authorized") return keeps ? "capture" : "void"
    return status === "settled" && around.refundable > 0 && !keeps ? "refund" : undefined
  }
  if (status !== "authorized") return undefined
  if (capture === "at_once") return "capture"
  return capture === "on_delivery" && orderStatus === "fulfilled" ? "capture" : undefined
}

/** What can still be given back, minor units; refunds under way count as given. */
export const refundableAmount = (settled: number, refunded: number): number => Math.max(0, settled - refunded)

/** Whether a refund may be asked for: something, and not more than what is left. */
export const isRefundable = (amount: number, settled: number, refunded: number): boolean =>
  amount > 0 && amount <= refundableAmount(settled, refunded)

/** Whether somebody may see why money went back: those are a dispatcher's own words. */
export const maySeeRefundReason = (by: ActorKind): boolean => isStaff(by)
