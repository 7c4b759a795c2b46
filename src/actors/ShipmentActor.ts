import { Clock, Duration, Effect, Metric } from "effect"
import { SqlClient } from "effect/sql"
import { FaultPoint } from "../config/FaultPoint.ts"
import { Limits } from "../config/Limits.ts"
import type { ShipmentCommand } from "../domain/ShipmentDecision.ts"
import { decideShipment } from "../domain/ShipmentDecision.ts"
import { carryingAssignment, type ShipmentState } from "../domain/ShipmentState.ts"
import { driverScope, inRowScope, type RowScope } from "../persistence/RowScope.ts"
import type { EventOrigin } from "../persistence/ShipmentEventRepo.ts"
import { ShipmentRepo } from "../persistence/ShipmentRepo.ts"
import { type TaskCommandRecord, TaskRepo } from "../persistence/TaskRepo.ts"
import { DriverNotAssignable, refusal } from "./CommandRefused.ts"
import { Crashes } from "./Crashes.ts"
import { makeKeyedAnswers } from "./KeyedAnswers.ts"
import { ShipmentAnswers } from "./ShipmentAnswers.ts"
import type { ShipmentAsk, ShipmentReport } from "./ShipmentAsk.ts"
import { makeShipmentKeeping } from "./ShipmentKeeping.ts"
import { ShipmentUnavailable } from "./ShipmentUnavailable.ts"
import { commandReused, refusedVerdict, type Verdict, verdictOn } from "./Verdict.ts"

const restarts = Metric.counter("dropmate_shipment_actor_restarts_total", {
  incremental: true,
  description: "Shipment actors that lost their state to a defect and read it again"
})
const parked = Metric.counter("dropmate_shipment_actor_parked_total", {
  incremental: true,
  description: "Shipment actors parked after repeated defects"
})

const nothingToSay = { status: 204, headers: {}, body: new Uint8Array() }

/** What a decision led to, and whose it is. */
interface Decided {
  readonly orderId: string
  readonly after: ShipmentState
}

/**
 * Makes the actors of shipments. One takes its shipment's commands in turn: lock the order, compare the version, decide by the pure
 * machine, keep rows, events and answer, all in one transaction in the row scope of whoever asked. What it remembers between two commands is
 * only used when the database still has that version, so an actor that lives on two nodes at once does no harm.
 *
 * Tricky interleavings
 * - Another node changed the shipment meanwhile: the locked row says another version, and the state is read again.
 * - The connection is lost at COMMIT: the actor remembers what it had read, never what it hoped to have written.
 * - A defect: its state is forgotten, the command is answered, its neighbours in the mailbox go on.
 */
export const makeShipmentActors = Effect.gen(function* () {
  const limits = yield* Limits
  const sql = yield* SqlClient.SqlClient
  const shipments = yield* ShipmentRepo
  const tasks = yield* TaskRepo
  const answers = yield* ShipmentAnswers
  const faultAt = yield* FaultPoint
  const keyed = yield* makeKeyedAnswers
  const keeping = yield* makeShipmentKeeping

  const assignable = Effect.fnUntraced(function* (command: ShipmentCommand) {
    if (command._tag !== "Assign" && command._tag !== "Reassign") return
    const { driverId } = command
    const standing = yield* shipments.driverStanding(driverId)
    if (standing === undefined) return yield* new DriverNotAssignable({ driverId, reason: "unknown" })
    if (standing !== "active" && standing !== "invited")
      return yield* new DriverNotAssignable({ driverId, reason: "suspended" })
  })

  return (shipmentId: string) => {
    /** As last read or committed; never what a transaction under way has written. */
    let known: ShipmentState | undefined
    const crashes = new Crashes({
      restartsPerMinuteMax: limits.shipmentRestartsPerMinuteMax,
      parkedMs: limits.shipmentParkedMs
    })
    const unavailable = (reason: ShipmentUnavailable["reason"], retryAfterMs: number) =>
      new ShipmentUnavailable({ shipmentId, reason, retryAfterMs })

    const current = Effect.fnUntraced(function* (version: number) {
      if (known?.version === version) return known
      yield* faultAt("shipment.load")
      known = yield* shipments.load(shipmentId)
      return known
    })

    const decide = Effect.fnUntraced(function* (command: ShipmentCommand, origin: EventOrigin) {
      const { order_id: orderId, order_status: orderStatus, version } = yield* shipments.lock(shipmentId)
      const before = yield* current(version)
      yield* assignable(command)
      const decision = decideShipment(before, command, origin.actor.kind)
      if (decision._tag === "Refused") return yield* refusal(decision)
      yield* faultAt("shipment.decided")
      if (decision.events.length === 0) return { orderId, after: before } satisfies Decided
      const after = yield* keeping.keep(orderId, orderStatus, shipmentId, before, decision.events, origin)
      yield* faultAt("shipment.kept")
      return { orderId, after } satisfies Decided
    })

    /** Runs a unit of work in one transaction; what it decided is remembered once it is committed. */
    const committed = <A, E extends { readonly _tag: string }, R>(
      scope: RowScope,
      work: (remember: (after: ShipmentState) => void) => Effect.Effect<A, E, R>
    ) =>
      Effect.suspend(() => {
        let after: ShipmentState | undefined
        const unit = work((state) => {
          after = state
        })
        return inRowScope(scope, unit).pipe(
          Effect.provideService(SqlClient.SqlClient, sql),
          Effect.tap(() =>
            Effect.suspend(() => {
              known = after ?? known
              return faultAt("shipment.committed")
            })
          )
        )
      }).pipe(
        Effect.retry({ times: limits.shipmentDecisionsMax - 1, while: (error) => error._tag === "ShipmentMoved" })
      )

    const crash = Effect.fnUntraced(function* (defect: unknown) {
      known = undefined
      yield* Metric.update(restarts, 1)
      if (!crashes.note(yield* Clock.currentTimeMillis)) {
        yield* Effect.logError("shipment_actor_restarted", { shipment: shipmentId }, defect)
        return yield* unavailable("crashed", limits.shipmentRetryMs)
      }
      yield* Metric.update(parked, 1)
      const rest = Duration.format(Duration.millis(limits.shipmentParkedMs))
      yield* Effect.logError("shipment_actor_parked", { shipment: shipmentId, for: rest }, defect)
      return yield* unavailable("parked", limits.shipmentParkedMs)
    })

    /** A defect costs its own command only; a shipment that crashes again and again takes nothing for a while. */
    const guarded = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E | ShipmentUnavailable, R> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        crashes.isParked(now)
          ? Effect.fail(unavailable("parked", limits.shipmentParkedMs))
          : Effect.catchDefect(work, crash)
      )

    return {
      /** Carries out what REST or the server itself asks, and words the answer. */
      ask: (ask: ShipmentAsk) => {
        const work = committed(ask.scope, (remember) => {
          let assignmentId: string | undefined
          const change = Effect.gen(function* () {
            const { orderId, after } = yield* decide(ask.command, ask.origin)
            remember(after)
            assignmentId = carryingAssignment(after)?.assignmentId
            if (ask.answer === undefined) return nothingToSay
            return yield* answers.word(ask.answer, { orderId, shipmentId, assignmentId })
          })
          return Effect.map(keyed(ask.key, change), (reply) => ({ ...reply, assignmentId }))
        })
        return guarded(work)
      },
      /** Answers a phone's command: one verdict for each command id, stored with its effect. */
      report: (report: ShipmentReport) => {
        const { driverId, commandId, fingerprint, occurredAt, command } = report
        const record: TaskCommandRecord = { driverId, commandId, fingerprint, occurredAt }
        const origin: EventOrigin = {
          actor: { kind: "driver", id: driverId },
          cause: `command ${commandId}`,
          occurredAt
        }
        const work = committed(driverScope(driverId), (remember) =>
          Effect.gen(function* () {
            const stored = yield* tasks.claim(record)
            if (stored !== undefined)
              return Buffer.compare(stored.fingerprint, fingerprint) === 0
                ? { ok: stored.ok, detail: stored.detail }
                : commandReused
            const verdict: Verdict = yield* decide(command, origin).pipe(
              Effect.map(({ after }) => {
                remember(after)
                return verdictOn(shipmentId, command, after)
              }),
              Effect.catchTag("CommandRefused", ({ code, detail, allowed }) =>
                Effect.succeed(refusedVerdict(code, detail, allowed))
              ),
              Effect.catchTag("DriverNotAssignable", (error) => Effect.die(error)),
              Effect.catchTag("RowAbsent", () =>
                Effect.succeed(refusedVerdict("assignment_not_found", "this driver has no such assignment", []))
              )
            )
            yield* tasks.keep(record, verdict.ok, verdict.detail)
            return verdict
          })
        )
        return guarded(work)
      }
    }
  }
})
