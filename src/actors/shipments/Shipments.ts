import { Context, Duration, Effect, Layer } from "effect"
import type { ClusterError } from "effect/cluster"
import { SqlClient, type SqlError } from "effect/sql"
import { Limits } from "../../config/Limits.ts"
import type { ShipmentCommand } from "../../domain/ShipmentDecision.ts"
import { newId } from "../../persistence/NewId.ts"
import type { RowAbsent } from "../../persistence/RowAbsent.ts"
import type { RowScope } from "../../persistence/RowScope.ts"
import type { EventOrigin } from "../../persistence/shipments/ShipmentEventRepo.ts"
import type { ShipmentMoved } from "../../persistence/shipments/ShipmentWrites.ts"
import type { CommandRefused, DriverNotAssignable, TooManyOffers } from "../CommandRefused.ts"
import { makeTaskReports, type OfferReply, type TaskCommand } from "../tasks/TaskReports.ts"
import type { KeyedAnswer, KeyInFlight, KeyReused, RequestKey } from "./KeyedAnswers.ts"
import type { ShipmentAnswerKind } from "./ShipmentAnswers.ts"
import { makeShipmentBeginning } from "./ShipmentBeginning.ts"
import { ShipmentEntity } from "./ShipmentEntity.ts"
import { ShipmentUnavailable } from "./ShipmentUnavailable.ts"
import type { Verdict } from "./Verdict.ts"

/** Why an order was not confirmed. */
export type ConfirmFailure = RowAbsent | CommandRefused | SqlError.SqlError

/** Why a shipment's command did not succeed. ShipmentMoved: others were faster, again and again; ask again. */
export type ShipmentFailure = ConfirmFailure | ShipmentMoved | ShipmentUnavailable | KeyInFlight | KeyReused

/** Who asks something of a shipment, whose rows they reach, and how they want to be answered. */
export interface ShipmentAsker {
  readonly origin: EventOrigin
  readonly scope: RowScope
  /** The request's Idempotency-Key: the answer is kept under it with the effect. */
  readonly key?: RequestKey | undefined
  /** Undefined: an empty answer. */
  readonly answer?: ShipmentAnswerKind | undefined
}

/** What became of a command. */
export interface ShipmentAnswered extends KeyedAnswer {
  /** The assignment whose driver has the shipment; undefined when nobody has it, or when the answer is a replay. */
  readonly assignmentId: string | undefined
}

type ClusterFailure =
  | ClusterError.MailboxFull
  | ClusterError.AlreadyProcessingMessage
  | ClusterError.PersistenceError
  | ClusterError.EntityNotAssignedToRunner

const clusterFailures = new Set([
  "MailboxFull",
  "AlreadyProcessingMessage",
  "PersistenceError",
  "EntityNotAssignedToRunner"
])

const isClusterFailure = (error: unknown): error is ClusterFailure =>
  typeof error === "object" && error !== null && "_tag" in error && clusterFailures.has(String(error._tag))

/**
 * Shipments: each is an actor that takes one command at a time, decides it by the pure machine, keeps it with its events, its answer
 * and its outbox row in one transaction, and tells by its commit, which rings the doorbells. Whoever asks must hold no transaction: the
 * actor has its own.
 *
 * Tricky interleavings
 * - Fifty dispatchers assign one shipment at once: they queue in its mailbox, and all but the first are refused.
 *   Test: "of fifty who assign at once exactly one wins".
 * - A phone sends its log again, on two sockets at once: both queue; the second reads the first one's answer.
 * - A shipment is reassigned while its old driver's log is on the way: the token is stale by then, whatever the log says.
 */
export class Shipments extends Context.Service<
  Shipments,
  {
    /**
     * Confirms a submitted order and begins its shipment; answers the shipment's id. A confirmed one stays as it is. Joins the caller's
     * transaction when there is one: there is no actor yet.
     */
    readonly confirm: (orderId: string, origin: EventOrigin) => Effect.Effect<string, ConfirmFailure>
    /** Gives a waiting shipment to a driver. */
    readonly assign: (
      shipmentId: string,
      driverId: string,
      by: ShipmentAsker
    ) => Effect.Effect<ShipmentAnswered, ShipmentFailure | DriverNotAssignable>
    /** Takes a shipment from its driver and gives it to another; after the pickup only for a reason. */
    readonly reassign: (
      shipmentId: string,
      driverId: string,
      by: ShipmentAsker,
      reason?: string
    ) => Effect.Effect<ShipmentAnswered, ShipmentFailure | DriverNotAssignable>
    readonly unassign: (
      shipmentId: string,
      reason: string | undefined,
      by: ShipmentAsker
    ) => Effect.Effect<ShipmentAnswered, ShipmentFailure>
    /** Cancels a shipment that is not picked up, and its order. */
    readonly cancel: (
      shipmentId: string,
      reason: string | undefined,
      by: ShipmentAsker
    ) => Effect.Effect<ShipmentAnswered, ShipmentFailure>
    /** Makes offers; times are Unix milliseconds. */
    readonly offer: (
      shipmentId: string,
      wanted: Omit<Extract<ShipmentCommand, { readonly _tag: "Offer" }>, "_tag">,
      by: ShipmentAsker
    ) => Effect.Effect<ShipmentAnswered, ShipmentFailure | DriverNotAssignable | TooManyOffers>
    /** Takes a command that names no driver. */
    readonly command: (
      shipmentId: string,
      command: ShipmentCommand,
      by: ShipmentAsker
    ) => Effect.Effect<ShipmentAnswered, ShipmentFailure>
    /** Takes a phone's TASK; the verdict is stored with its effect, and the same id has the same verdict for ever. */
    readonly task: (
      driverId: string,
      command: TaskCommand
    ) => Effect.Effect<Verdict, ShipmentMoved | ShipmentUnavailable | SqlError.SqlError>
    /** Takes a phone's OFFER_REPLY, likewise. */
    readonly reply: (
      driverId: string,
      reply: OfferReply
    ) => Effect.Effect<Verdict, ShipmentMoved | ShipmentUnavailable | SqlError.SqlError>
  }
>()("dropmate/actors/shipments/Shipments") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const limits = yield* Limits
      const sql = yield* SqlClient.SqlClient
      const actorOf = yield* ShipmentEntity.client
      const { confirm } = yield* makeShipmentBeginning

      /** An answer that does not come, or cannot, is a condition of its own. */
      const answered = <A, E>(shipmentId: string, asked: Effect.Effect<A, E | ClusterFailure>) => {
        const unavailable = (reason: ShipmentUnavailable["reason"]) =>
          Effect.fail(new ShipmentUnavailable({ shipmentId, reason, retryAfterMs: limits.shipmentRetryMs }))
        return Effect.serviceOption(sql.transactionService).pipe(
          // It would wait for the rows that its caller holds.
          Effect.flatMap((transaction) =>
            transaction._tag === "Some" ? Effect.die("a shipment was asked inside a transaction") : asked
          ),
          Effect.timeoutOrElse({
            duration: Duration.millis(limits.shipmentAskMs),
            orElse: () => unavailable("silent")
          }),
          Effect.catchIf(isClusterFailure, ({ _tag }) =>
            unavailable(_tag === "MailboxFull" || _tag === "AlreadyProcessingMessage" ? "busy" : "moving")
          )
        )
      }
      const ask = (shipmentId: string, command: ShipmentCommand, by: ShipmentAsker) => {
        const scope = { ...by.scope, roles: [...by.scope.roles] }
        const asked = { command, origin: by.origin, scope, key: by.key, answer: by.answer }
        return answered(shipmentId, actorOf(shipmentId).ask(asked))
      }
      /** For commands that name no driver. */
      const order = (shipmentId: string, command: ShipmentCommand, by: ShipmentAsker) =>
        Effect.catchTag(ask(shipmentId, command, by), ["DriverNotAssignable", "TooManyOffers"], Effect.die)
      const giveTo = (
        how: "Assign" | "Reassign",
        shipmentId: string,
        driverId: string,
        by: ShipmentAsker,
        reason?: string
      ) =>
        Effect.flatMap(newId, (assignmentId) =>
          ask(shipmentId, { _tag: how, assignmentId, driverId, ...withReason(reason) }, by)
        ).pipe(Effect.catchTag("TooManyOffers", Effect.die))
      const { task, reply } = yield* makeTaskReports((shipmentId, report) =>
        answered(shipmentId, actorOf(shipmentId).report(report))
      )

      return {
        confirm: Effect.fn("Shipments.confirm")((orderId, origin) => sql.withTransaction(confirm(orderId, origin))),
        assign: Effect.fn("Shipments.assign")((shipmentId, driverId, by) => giveTo("Assign", shipmentId, driverId, by)),
        reassign: Effect.fn("Shipments.reassign")((shipmentId, driverId, by, reason) =>
          giveTo("Reassign", shipmentId, driverId, by, reason)
        ),
        unassign: Effect.fn("Shipments.unassign")((shipmentId, reason, by) =>
          order(shipmentId, { _tag: "Unassign", ...withReason(reason) }, by)
        ),
        cancel: Effect.fn("Shipments.cancel")((shipmentId, reason, by) =>
          order(shipmentId, { _tag: "Cancel", ...withReason(reason) }, by)
        ),
        offer: Effect.fn("Shipments.offer")((shipmentId, wanted, by) =>
          ask(shipmentId, { _tag: "Offer", ...wanted }, by)
        ),
        command: Effect.fn("Shipments.command")(order),
        task,
        reply
      }
    })
  )
}

const withReason = (reason: string | undefined) => (reason === undefined ? {} : { reason })
