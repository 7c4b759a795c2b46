import { createHash } from "node:crypto"
import { Duration, Effect, FiberMap } from "effect"
import { Limits } from "../../config/Limits.ts"
import type { DutyChange } from "../../domain/TelemetryRules.ts"
import { DriverCommandRepo } from "../../persistence/shipments/DriverCommandRepo.ts"
import type { DriverActor } from "../drivers/DriverActor.ts"
import type { DriverLink } from "../drivers/DriverLink.ts"
import { DriverMailbox } from "../drivers/DriverMailbox.ts"

/** A change of duty that waits in a driver's mailbox. */
export interface DutyOrder {
  readonly _tag: "Duty"
  readonly driver: DriverActor
  readonly link: DriverLink
  readonly commandId: string
  readonly change: DutyChange
  /** Whether the change is new to the actor, which then judges by it from the moment the frame arrived. */
  readonly isEntered: boolean
  /** What the command says, so that the same id with other content is noticed. */
  readonly content: string
}

/** A command that another actor decides; it waits its turn here, so that a driver's commands are taken in the order they came. */
export interface WorkOrder {
  readonly _tag: "Work"
  readonly driver: DriverActor
  readonly link: DriverLink
  readonly commandId: string
  /** Answers the link itself, also when it fails as expected. */
  readonly work: Effect.Effect<void>
}

/** A command of a driver's phone. */
export type DriverOrder = DutyOrder | WorkOrder

const tryAgain = (code: "busy" | "server_error" | "database_unavailable") => ({
  code,
  detail: code === "busy" ? "too many commands wait; send it again later" : "send the command again",
  retryable: true
})

/** What a phone is told when there is no room for its command now. Never stored. */
export const busy = tryAgain("busy")

/** What a phone is told when the database did not answer. Never stored: the command may be sent again. */
export const databaseUnavailable = tryAgain("database_unavailable")

/** The mailboxes of drivers and the fibers that work on them; one fiber for each driver that is on duty or has a command. */
export const makeDriverCommands = Effect.gen(function* () {
  const limits = yield* Limits
  const commands = yield* DriverCommandRepo
  const fibers = yield* FiberMap.make<string>()
  const runFiber = yield* FiberMap.runtime(fibers)()

  const decideDuty = (order: DutyOrder): Effect.Effect<void> => {
    const { driver, commandId, change, link } = order
    const withdraw = (): void => {
      if (order.isEntered) driver.withdrawDuty(change)
    }
    const fingerprint = createHash("sha256").update(order.content).digest()
    return commands.decideDuty({ driverId: driver.driverId, commandId, ...change, fingerprint }).pipe(
      Effect.timeout(Duration.millis(limits.commandMs)),
      Effect.match({
        onSuccess: (verdict) => {
          if (verdict.isRepeated) withdraw()
          // Decided before, perhaps without this actor hearing of it: what was stored then is what points are judged by.
          if (verdict.decidedAt !== undefined)
            driver.enterDuty({ duty: change.duty, occurredAt: verdict.decidedAt }, limits.dutyChangesMax)
          link.result(commandId, verdict.ok, verdict.detail)
        },
        onFailure: () => {
          withdraw()
          link.result(commandId, false, databaseUnavailable)
        }
      })
    )
  }
  const decide = (order: DriverOrder): Effect.Effect<void> => (order._tag === "Duty" ? decideDuty(order) : order.work)
  const crashed = (order: DriverOrder): void => order.link.result(order.commandId, false, tryAgain("server_error"))

  const mailboxOf = (driver: DriverActor): DriverMailbox<DriverOrder> => {
    if (driver.mailbox !== undefined) return driver.mailbox as DriverMailbox<DriverOrder>
    const mailbox = DriverMailbox.make<DriverOrder>(limits)
    driver.mailbox = mailbox as DriverMailbox
    runFiber(driver.driverId, mailbox.run(decide, crashed))
    return mailbox
  }

  return {
    /** Starts the driver's fiber. */
    wake: (driver: DriverActor): void => void mailboxOf(driver),
    /** Puts a command in; a full mailbox is answered "busy" at once. Says whether it was taken. */
    offer: (order: DriverOrder, now: number): boolean => {
      const isTaken = mailboxOf(order.driver).offer(order, now)
      if (!isTaken) order.link.result(order.commandId, false, busy)
      return isTaken
    },
    /** Ends the driver's fiber. */
    passivate: (driver: DriverActor): Effect.Effect<void> =>
      driver.mailbox === undefined ? Effect.void : FiberMap.remove(fibers, driver.driverId)
  }
})
