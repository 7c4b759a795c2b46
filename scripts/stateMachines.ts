import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type AssignmentStatus, assignmentMachine, assignmentStatuses, isCarrying } from "../src/domain/Assignment.ts"
import { customerEventTypes } from "../src/domain/CustomerEvent.ts"
import { holdsStock, orderActors, orderMachine, orderStatuses } from "../src/domain/Order.ts"
import {
  capturePolicies,
  payableStatuses,
  paymentActors,
  paymentMachine,
  returnPolicies
} from "../src/domain/Payment.ts"
import { runActors, runMachine } from "../src/domain/Run.ts"
import { shipmentActors, shipmentMachine, shipmentStatuses } from "../src/domain/Shipment.ts"
import { shipmentEventTypes } from "../src/domain/ShipmentEvent.ts"
import { commandsOf, isFinal, type StateMachine } from "../src/domain/StateMachine.ts"
import { stopMachine } from "../src/domain/Stop.ts"
import { taskActions, taskTransitions } from "../src/domain/TaskAction.ts"
import { fieldsOfStage, trackingStage, trackingStages } from "../src/domain/TrackingStage.ts"

type Cells = ReadonlyArray<string>

const table = (head: Cells, rows: ReadonlyArray<Cells>): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

const code = (word: string): string => `\`${word}\``
const list = (words: Iterable<string>): string => [...words].map(code).join(", ") || "-"

const machineTable = <State extends string, Command extends string>(
  machine: StateMachine<State, Command>,
  actors?: Readonly<Record<NoInfer<Command>, ReadonlyArray<string>>>
): string => {
  const rows = commandsOf(machine).map((command) => {
    const { from, to } = machine.commands[command]
    return [code(command), list(from), code(to), ...(actors === undefined ? [] : [actors[command].join(", ")])]
  })
  const head = ["Command", "From", "To", ...(actors === undefined ? [] : ["Who may"])]
  const final = machine.states.filter((state) => isFinal(machine, state))
  return `${table(head, rows)}\n\nBegins as ${code(machine.initial)}. Nothing leaves ${list(final)}.`
}

const taskTable = (): string =>
  table(
    ["TASK action", "Shipment", "Assignment", "Stop"],
    taskActions.map((action) => {
      const { shipment, assignment, stop } = taskTransitions[action]
      return [
        code(action),
        code(shipmentMachine.commands[shipment].to),
        assignment === undefined ? "stays `accepted`" : code(assignmentMachine.commands[assignment].to),
        stop === undefined ? "-" : `${stop.type} ${code(stopMachine.commands[stop.command].to)}`
      ]
    })
  )

const stageOf = (shipmentStatus: (typeof shipmentStatuses)[number], assignmentStatus: AssignmentStatus | undefined) =>
  trackingStage({ shipmentStatus, assignmentStatus, isOrderCancelled: false, distanceM: undefined, nearbyM: 0 })

const stageTable = (): string =>
  table(
    ["Shipment", ...assignmentStatuses.filter(isCarrying).map((status) => `assignment ${code(status)}`), "no carrier"],
    shipmentStatuses.map((status) => [
      code(status),
      ...assignmentStatuses.filter(isCarrying).map((assignment) => code(stageOf(status, assignment))),
      code(stageOf(status, undefined))
    ])
  )

const paymentPart = (): string => `## Payment

${machineTable(paymentMachine, paymentActors)}

- An order can be paid while it is ${list(payableStatuses)}. \`authorize\` is asked for by POST \`/v1/orders/{id}/payment\`; the processor's answer makes it \`authorized\`, or \`failed\` by \`decline\`. Without an answer it stays \`pending\` until an inquiry knows. A \`failed\` payment can be begun again with another token: the row stays, and so does what was tried (\`payment_attempts\`).
- An authorized payment confirms a submitted order, in the transaction that keeps the authorization.
- \`refund\` here is the last part going back. Partial refunds leave a payment \`settled\`; all refunds that did not fail, those under way included, add up to no more than was settled. A refund is \`pending\`, then \`succeeded\` or \`failed\`; one that failed gives its amount free again.
- The setting \`payments.capture\` says when an authorization is taken: ${list(capturePolicies)}. The setting \`payments.returned\` says what a parcel that came back undelivered means: ${list(returnPolicies)}.

What an order's end does to its payment; it is kept with the end itself, and carried out afterwards however long that takes:

${table(
  ["Stage", "Who may cancel", "A payment that is authorized", "A payment that is settled"],
  [
    ["order draft or submitted", "customer, staff", "is voided", "what is left of it is refunded"],
    ["confirmed, no driver has the shipment", "customer, staff", "is voided", "what is left of it is refunded"],
    ["a driver has it, the parcel is not picked up", "staff", "is voided", "what is left of it is refunded"],
    ["picked up, until the door", "nobody", "stays", "stays"],
    [
      "delivered",
      "nobody",
      "is captured, unless `payments.capture` is `manual`",
      "stays; staff refund parts of it or all"
    ],
    [
      "returned: the parcel came back undelivered",
      "the return cancels the order",
      "is voided, or with `payments.returned` = `keep` captured",
      "what is left of it is refunded, or with `keep` stays"
    ]
  ]
)}

A payment that is answered after its order was cancelled does not confirm it: what was authorized is voided. What goes back to stock goes back in the transaction of the cancellation.`

/** docs/STATE-MACHINES.md, made from the tables that the code decides by. */
export const stateMachinesPage = (): string => `# State machines

Generated from src/domain by \`npm run docs\`; do not edit. Every machine is total: a command that a state does not take is refused with the commands that it does take (\`allowed[]\`), and changes nothing. A command whose result is the state already is a repetition: it succeeds and changes nothing. Every transition is one event with its event time, its recording time, who did it, what it follows from and the version it leads to; folding the events of a shipment gives its rows.

## Order

${machineTable(orderMachine, orderActors)}

Stock is held while an order is ${list(orderStatuses.filter(holdsStock))}: it is taken by \`submit\` and given back by \`cancel\`. A confirmed order is cancelled by cancelling its shipment; it is fulfilled by \`delivered\`, and cancelled by \`returned\`.

${paymentPart()}

## Shipment

${machineTable(shipmentMachine, shipmentActors)}

- A shipment that is \`created\` can be assigned at once: it is dispatched first, as an event of its own. A \`failed\` one whose driver reports \`returned\` starts its return first, likewise.
- \`picked_up\` comes after \`at_pickup\`. Only a parcel that was picked up before, and handed off since, is \`picked_up\` at once by whoever gets it.
- Assigning the driver who has the shipment already is a repetition; anybody else is refused with \`shipment_already_taken\`. Staff change the driver by \`reassign\`, after the pickup only for a reason; drivers hand a parcel that they carry to each other by \`handed_off\`.
- A hand-off puts the shipment back to \`dispatching\`, and the parcel stays picked up: from then on it cannot be cancelled, but staff can send it back (\`start_return\`).
- While a parcel comes back it is in the hands of the driver who failed to deliver it, or of nobody. Staff change who brings it: \`assign\` when nobody has it, \`reassign\` with a reason when its driver is not heard of. It stays \`returning\`, and the new driver reports \`returned\`.
- \`mark_returned\` needs a reason. It is taken of a \`failed\` shipment too, and of one that waits with its parcel picked up: the return is started first, as an event of its own.
- A customer can cancel until a driver has the shipment, staff until the pickup.
- Each assignment has a fencing token that is higher than all before it in the shipment. A TASK must carry the token of the newest assignment; any other is \`stale_fencing_token\`.

## Assignment

${machineTable(assignmentMachine)}

At most one assignment of a shipment is ${list(assignmentStatuses.filter(isCarrying))}; the database holds that with a partial unique index.

## Stop

${machineTable(stopMachine)}

A change of driver puts a stop that the one before was on the way to, or at, back to \`planned\`.

## Run

${machineTable(runMachine, runActors)}

- It starts with a driver who has every shipment of it that is not over, and a driver is on one run at a time.
- Its stops have one order: those that are over before those that are not, and each drop-off after its parcel's pickup. A reorder that breaks this is refused and says where.
- A shipment is in one run at a time. One that its driver does not have any more leaves a run under way, with what was done of it done; one that failed stays until it is returned or tried again.
- With the last parcel of it delivered, returned or cancelled a run completes by itself; breaks that are left are skipped. A break lies behind once the driver sets out for the stop after it, or has been at a later one.
- Cancelling a run takes out what is not over. Whoever carries it carries it on.

## What a driver reports

${taskTable()}

## What a customer is shown

Stage by shipment and assignment; \`on_the_way\` is \`nearby\` within the distance of Limits.nearbyM.

${stageTable()}

${table(
  ["Stage", "Shows"],
  trackingStages.map((stage) => [code(stage), list(fieldsOfStage[stage])])
)}

Events on a customer's timeline: ${list(customerEventTypes)}. Hidden: ${list(shipmentEventTypes.filter((type) => !customerEventTypes.has(type)))}.
`

/** The generated page, from the project's root. */
export const stateMachinesFile = "docs/STATE-MACHINES.md"
const path = join(import.meta.dirname, "..", stateMachinesFile)

/** Whether the page in docs is what the code says. */
export const isStateMachinesPageCurrent = (): boolean => readFileSync(path, "utf8") === stateMachinesPage()

/** Writes the page; answers whether it was out of date. */
export const writeStateMachines = (): boolean => {
  if (isStateMachinesPageCurrent()) return false
  writeFileSync(path, stateMachinesPage())
  return true
}
