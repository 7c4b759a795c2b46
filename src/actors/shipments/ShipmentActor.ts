import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { FaultPoint } from "../../config/FaultPoint.ts"
import { Limits } from "../../config/Limits.ts"
import { holdingAssignment, type ShipmentState } from "../../domain/ShipmentState.ts"
import { inRowScope, type RowScope, ScopeOfDriver } from "../../persistence/RowScope.ts"
import type { EventOrigin } from "../../persistence/shipments/ShipmentEventRepo.ts"
import { type TaskCommandRecord, TaskRepo } from "../../persistence/shipments/TaskRepo.ts"
import { makeDeliveryProofs } from "../files/DeliveryProofs.ts"
import { makeKeyedAnswers } from "./KeyedAnswers.ts"
import { ShipmentAnswers } from "./ShipmentAnswers.ts"
import type { ShipmentAsk, ShipmentReport } from "./ShipmentAsk.ts"
import { makeShipmentDecider, type ShipmentMemory } from "./ShipmentDecider.ts"
import { makeShipmentGuard } from "./ShipmentGuard.ts"
import { aboutNothing, commandReused, refusedVerdict, verdictOn } from "./Verdict.ts"

const nothingToSay = { status: 204, headers: {}, body: new Uint8Array() }

/** A transaction's work; it tells `remember` the state that its commit makes true. */
type Work<A, E, R> = (remember: (after: ShipmentState) => void) => Effect.Effect<A, E, R>

/** Runs a unit of work in a row scope and one transaction; what it led to is remembered once it is committed. */
const makeCommitted = Effect.gen(function* () {
  const limits = yield* Limits
  const sql = yield* SqlClient.SqlClient
  const faultAt = yield* FaultPoint

  return <A, E extends { readonly _tag: string }, R>(memory: ShipmentMemory, scope: RowScope, work: Work<A, E, R>) =>
    Effect.suspend(() => {
      let after: ShipmentState | undefined
      const unit = work((state) => {
        after = state
      })
      const told = Effect.suspend(() => {
        memory.known = after ?? memory.known
        return faultAt("shipment.committed")
      })
      return inRowScope(scope, unit).pipe(Effect.provideService(SqlClient.SqlClient, sql), Effect.tap(told))
    }).pipe(Effect.retry({ times: limits.shipmentDecisionsMax - 1, while: (error) => error._tag === "ShipmentMoved" }))
})

/**
 * Makes the actors of shipments. One takes its shipment's commands in turn, each in one transaction in the row scope of whoever asked: rows,
 * events, outbox and answer together. What it remembers between two commands is compared with the locked row first, so an actor that
 * lives on two nodes at once does no harm.
 *
 * Tricky interleavings
 * - Another node changed the shipment meanwhile: the locked row says another version, and the state is read again.
 * - The connection is lost at COMMIT: the actor remembers what it had read, never what it hoped to have written.
 * - A defect: its state is forgotten, the command is answered, its neighbours in the mailbox go on.
 */
export const makeShipmentActors = Effect.gen(function* () {
  const limits = yield* Limits
  const tasks = yield* TaskRepo
  const answers = yield* ShipmentAnswers
  const scopeOf = yield* ScopeOfDriver
  const keyed = yield* makeKeyedAnswers
  const decide = yield* makeShipmentDecider
  const proofs = yield* makeDeliveryProofs
  const committed = yield* makeCommitted

  const asked = (shipmentId: string, memory: ShipmentMemory, ask: ShipmentAsk) =>
    committed(memory, ask.scope, (remember) => {
      let assignmentId: string | undefined
      const change = Effect.gen(function* () {
        const { orderId, after } = yield* decide(shipmentId, memory, ask.command, ask.origin)
        remember(after)
        assignmentId = holdingAssignment(after)?.assignmentId
        if (ask.answer === undefined) return nothingToSay
        return yield* answers.word(ask.answer, { orderId, shipmentId, assignmentId })
      })
      return Effect.map(keyed(ask.key, change), (reply) => ({ ...reply, assignmentId }))
    })

  const verdict = (
    shipmentId: string,
    memory: ShipmentMemory,
    { kind, command, commandId, driverId, occurredAt }: ShipmentReport,
    remember: (after: ShipmentState) => void
  ) => {
    const origin: EventOrigin = { actor: { kind: "driver", id: driverId }, cause: `command ${commandId}`, occurredAt }
    return proofs.hold(command).pipe(
      Effect.andThen(decide(shipmentId, memory, command, origin)),
      Effect.tapErrorTag("CommandRefused", (refused) => proofs.countTry(shipmentId, refused)),
      Effect.map(({ after }) => {
        remember(after)
        return verdictOn(shipmentId, command, after)
      }),
      Effect.catchTag("CommandRefused", ({ code, detail, allowed }) =>
        Effect.succeed(refusedVerdict(code, detail, allowed))
      ),
      Effect.catchTag(["DriverNotAssignable", "TooManyOffers"], (error) => Effect.die(error)),
      Effect.catchTag("RowAbsent", () => Effect.succeed(aboutNothing[kind]))
    )
  }

  const reported = (shipmentId: string, memory: ShipmentMemory, report: ShipmentReport) =>
    committed(
      memory,
      scopeOf(report.driverId),
      Effect.fnUntraced(function* (remember) {
        const { kind, driverId, commandId, fingerprint, occurredAt } = report
        const record: TaskCommandRecord = { kind, driverId, commandId, fingerprint, occurredAt }
        const stored = yield* tasks.claim(record)
        if (stored !== undefined)
          return Buffer.compare(stored.fingerprint, fingerprint) === 0
            ? { ok: stored.ok, detail: stored.detail }
            : commandReused
        const decided = yield* verdict(shipmentId, memory, report, remember)
        yield* tasks.keep(record, decided.ok, decided.detail)
        return decided
      })
    )

  return (shipmentId: string) => {
    const memory: ShipmentMemory = { known: undefined }
    const guarded = makeShipmentGuard(shipmentId, limits, () => {
      memory.known = undefined
    })
    return {
      /** Carries out what REST or the server itself asks, and words the answer. */
      ask: (ask: ShipmentAsk) => guarded(asked(shipmentId, memory, ask)),
      /** Answers a phone's command: one verdict for each command id, stored with its effect. */
      report: (report: ShipmentReport) => guarded(reported(shipmentId, memory, report))
    }
  }
})
