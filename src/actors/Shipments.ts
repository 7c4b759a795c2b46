import { createHash } from "node:crypto"
import { Context, Effect, Layer } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { Limits } from "../config/Limits.ts"
import { canonicalJson } from "../domain/CanonicalJson.ts"
import { publicId } from "../domain/Ids.ts"
import { decideOrder } from "../domain/Order.ts"
import type { Refused } from "../domain/Refused.ts"
import { decideShipment, type ShipmentCommand } from "../domain/ShipmentDecision.ts"
import type { ShipmentEvent } from "../domain/ShipmentEvent.ts"
import { carryingAssignment, foldShipment, newestAssignment, type ShipmentState } from "../domain/ShipmentState.ts"
import type { TaskAction } from "../domain/TaskAction.ts"
import type { TaskPayload } from "../domain/TaskPayload.ts"
import { newId } from "../persistence/NewId.ts"
import { OrderRepo, type OrderRow } from "../persistence/OrderRepo.ts"
import { RowAbsent } from "../persistence/RowAbsent.ts"
import { inRowScope } from "../persistence/RowScope.ts"
import { SettingRepo } from "../persistence/SettingRepo.ts"
import type { EventOrigin } from "../persistence/ShipmentEventRepo.ts"
import { type NewStop, type ShipmentMoved, ShipmentRepo } from "../persistence/ShipmentRepo.ts"
import { type TaskCommandRecord, TaskRepo } from "../persistence/TaskRepo.ts"
import { CommandRefused, DriverNotAssignable } from "./CommandRefused.ts"
import { makeShipmentKeeping } from "./ShipmentKeeping.ts"
import { type Task, taskShape } from "./TaskShape.ts"
import { Telling, type Told } from "./Told.ts"

/** A TASK of a driver's phone, read. */
export interface TaskCommand {
  readonly commandId: string
  /** Bare UUID. */
  readonly assignmentId: string
  readonly fencingToken: number
  readonly action: TaskAction
  readonly occurredAtMs: number
  readonly payload: TaskPayload
}

/** What a phone is answered: RESULT. */
export interface TaskVerdict {
  readonly ok: boolean
  readonly detail: Readonly<Record<string, unknown>> | null
}

/** Why a shipment's command did not succeed. ShipmentMoved: others were faster, again and again; ask again. */
export type ShipmentFailure = RowAbsent | CommandRefused | ShipmentMoved | SqlError.SqlError

/**
 * Shipments: each command is decided by the pure machine, kept with its events under the order's row lock and the shipment's version,
 * then told. Joins the caller's transaction when there is one; `around` it, so that nothing is told before it commits.
 *
 * Tricky interleavings
 * - Fifty dispatchers assign one shipment at once: they queue on the order's row, and all but the first are refused.
 *   Test: "of fifty who assign at once exactly one wins".
 * - A phone sends its log again, on two sockets at once: both queue on the command; the second reads the first one's answer.
 * - A shipment is reassigned while its old driver's log is on the way: the token is stale by then, whatever the log says.
 */
export class Shipments extends Context.Service<
  Shipments,
  {
    /** Confirms a submitted order and begins its shipment; answers the shipment's id. A confirmed one stays as it is. */
    readonly confirm: (orderId: string, origin: EventOrigin) => Effect.Effect<string, ShipmentFailure>
    /** Gives a waiting shipment to a driver; answers the assignment's id. */
    readonly assign: (
      shipmentId: string,
      driverId: string,
      origin: EventOrigin
    ) => Effect.Effect<string, ShipmentFailure | DriverNotAssignable>
    /** Takes a shipment that is not picked up from its driver and gives it to another. */
    readonly reassign: (
      shipmentId: string,
      driverId: string,
      origin: EventOrigin
    ) => Effect.Effect<string, ShipmentFailure | DriverNotAssignable>
    readonly unassign: (
      shipmentId: string,
      reason: string | undefined,
      origin: EventOrigin
    ) => Effect.Effect<void, ShipmentFailure>
    /** Cancels a shipment that is not picked up, and its order. */
    readonly cancel: (
      shipmentId: string,
      reason: string | undefined,
      origin: EventOrigin
    ) => Effect.Effect<void, ShipmentFailure>
    /** Takes a phone's TASK; the verdict is stored with its effect, and the same id has the same verdict for ever. */
    readonly task: (
      driverId: string,
      command: TaskCommand
    ) => Effect.Effect<TaskVerdict, ShipmentMoved | SqlError.SqlError>
    /** The content of the TASKS frame. */
    readonly tasksOf: (
      driverId: string
    ) => Effect.Effect<{ readonly version: number; readonly tasks: ReadonlyArray<Task> }, SqlError.SqlError>
    /** Hears what commits of this node did, right after each. Other nodes' commits: `TrackingRepo.watchOrders`. */
    readonly onTold: (listener: (told: Told) => void) => () => void
  }
>()("dropmate/actors/Shipments") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const limits = yield* Limits
      const sql = yield* SqlClient.SqlClient
      const orders = yield* OrderRepo
      const shipments = yield* ShipmentRepo
      const tasks = yield* TaskRepo
      const settings = yield* SettingRepo
      const telling = yield* Telling
      const keeping = yield* makeShipmentKeeping

      const transaction = <A, E>(effect: Effect.Effect<A, E>) => telling.around(sql.withTransaction(effect))

      const decideOnce = Effect.fnUntraced(function* (
        shipmentId: string,
        command: ShipmentCommand,
        origin: EventOrigin
      ) {
        const orderId = yield* shipments.orderIdOf(shipmentId)
        const { status: orderStatus } = yield* orders.lock(orderId)
        const before = yield* shipments.load(shipmentId)
        const decision = decideShipment(before, command, origin.actor.kind)
        if (decision._tag === "Refused") return yield* refusal(decision)
        if (decision.events.length === 0) return before
        return yield* keeping.keep(orderId, orderStatus, shipmentId, before, decision.events, origin)
      })

      const command = (shipmentId: string, asked: ShipmentCommand, origin: EventOrigin) =>
        transaction(decideOnce(shipmentId, asked, origin)).pipe(
          Effect.retry({
            times: limits.shipmentDecisionsMax - 1,
            while: (error) => error._tag === "ShipmentMoved"
          })
        )

      const giveTo = Effect.fnUntraced(function* (
        how: "Assign" | "Reassign",
        shipmentId: string,
        driverId: string,
        origin: EventOrigin
      ) {
        const standing = yield* shipments.driverStanding(driverId)
        if (standing === undefined) return yield* new DriverNotAssignable({ driverId, reason: "unknown" })
        if (standing !== "active" && standing !== "invited")
          return yield* new DriverNotAssignable({ driverId, reason: "suspended" })
        const assignmentId = yield* newId
        const after = yield* command(shipmentId, { _tag: how, assignmentId, driverId }, origin)
        return carryingAssignment(after)?.assignmentId ?? assignmentId
      })

      const begin = Effect.fnUntraced(function* (order: OrderRow, origin: EventOrigin) {
        const shipmentId = yield* newId
        const stops = yield* stopsOf(order)
        const created: ShipmentEvent = {
          type: "shipment.created",
          data: { stops: stops.map(({ id, type, position }) => ({ stop_id: id, type, position })) }
        }
        const isManual = (yield* settings.get("dispatch.mode")) === "manual"
        const events: ReadonlyArray<ShipmentEvent> = isManual
          ? [created]
          : [created, { type: "shipment.dispatching", data: {} }]
        const state = foldShipment(events)
        if (state === undefined) return yield* Effect.die("a shipment's log begins with shipment.created")
        yield* shipments.insert(shipmentId, order.id, state, stops, order.window_end ?? undefined)
        const numbered = events.map(({ type, data }, index) => ({
          type,
          data,
          shipment: { shipmentId, version: index + 1 }
        }))
        yield* keeping.append(order.id, [{ type: "order.confirmed", data: {} }, ...numbered], origin)
        return shipmentId
      })

      const confirm = Effect.fnUntraced(function* (orderId: string, origin: EventOrigin) {
        const { status } = yield* orders.lock(orderId)
        const decision = decideOrder(status, "confirm", origin.actor.kind)
        if (decision._tag === "Refused") return yield* refusal(decision)
        if (decision.events.length > 0) {
          yield* orders.setStatus(orderId, "confirmed")
          return yield* begin(yield* orders.get(orderId), origin)
        }
        const shipmentId = yield* shipments.idOfOrder(orderId)
        return shipmentId ?? (yield* new RowAbsent({ kind: "shipment", id: orderId }))
      })

      const decideTask = (driverId: string, task: TaskCommand) =>
        Effect.gen(function* () {
          const { shipment_id: shipmentId } = yield* shipments.assignment(task.assignmentId)
          const origin: EventOrigin = {
            actor: { kind: "driver", id: driverId },
            cause: `command ${task.commandId}`,
            occurredAt: new Date(task.occurredAtMs)
          }
          const after = yield* command(shipmentId, { _tag: "Task", ...task, driverId }, origin)
          return { ok: true, detail: taskDetail(shipmentId, task, after) } as TaskVerdict
        }).pipe(
          Effect.catchTag("RowAbsent", () =>
            Effect.succeed(refusedTask("assignment_not_found", "this driver has no such assignment", []))
          ),
          Effect.catchTag("CommandRefused", ({ code, detail, allowed }) =>
            Effect.succeed(refusedTask(code, detail, allowed))
          )
        )

      const task = Effect.fn("Shipments.task")(function* (driverId: string, asked: TaskCommand) {
        const { commandId, ...content } = asked
        const record: TaskCommandRecord = {
          driverId,
          commandId: commandId.toLowerCase(),
          fingerprint: createHash("sha256")
            .update(`task ${canonicalJson(content)}`)
            .digest(),
          occurredAt: new Date(asked.occurredAtMs)
        }
        const decided = Effect.gen(function* () {
          const stored = yield* tasks.claim(record)
          if (stored !== undefined) {
            const isSame = Buffer.compare(stored.fingerprint, record.fingerprint) === 0
            return isSame ? { ok: stored.ok, detail: stored.detail } : commandReused
          }
          const verdict = yield* decideTask(driverId, asked)
          yield* tasks.keep(record, verdict.ok, verdict.detail)
          return verdict
        })
        const scoped = inRowScope({ driverId, roles: ["driver"] }, decided)
        return yield* telling.around(Effect.provideService(scoped, SqlClient.SqlClient, sql))
      })

      return {
        confirm: Effect.fn("Shipments.confirm")((orderId, origin) => transaction(confirm(orderId, origin))),
        assign: Effect.fn("Shipments.assign")((shipmentId, driverId, origin) =>
          giveTo("Assign", shipmentId, driverId, origin)
        ),
        reassign: Effect.fn("Shipments.reassign")((shipmentId, driverId, origin) =>
          giveTo("Reassign", shipmentId, driverId, origin)
        ),
        unassign: Effect.fn("Shipments.unassign")((shipmentId, reason, origin) =>
          Effect.asVoid(command(shipmentId, { _tag: "Unassign", ...withReason(reason) }, origin))
        ),
        cancel: Effect.fn("Shipments.cancel")((shipmentId, reason, origin) =>
          Effect.asVoid(command(shipmentId, { _tag: "Cancel", ...withReason(reason) }, origin))
        ),
        task,
        tasksOf: Effect.fn("Shipments.tasksOf")(function* (driverId: string) {
          const list = yield* tasks.tasksOf(driverId)
          return { version: list.version, tasks: list.tasks.map(taskShape) }
        }),
        onTold: telling.onTold
      }
    })
  )
}

const refusal = ({ code, detail, allowed }: Refused) => new CommandRefused({ code, detail, allowed })

const withReason = (reason: string | undefined) => (reason === undefined ? {} : { reason })

const refusedTask = (code: string, detail: string, allowed: ReadonlyArray<string>): TaskVerdict => ({
  ok: false,
  detail: { code, detail, allowed }
})

const commandReused: TaskVerdict = refusedTask("command_reused", "this commandId was used for another command", [])

const taskDetail = (shipmentId: string, task: TaskCommand, after: ShipmentState) => ({
  shipment_id: publicId("shipment", shipmentId),
  assignment_id: publicId("assignment", task.assignmentId),
  shipment_status: after.status,
  status: newestAssignment(after)?.status ?? null,
  sequence: after.version
})

const addressLine = (order: OrderRow): string => {
  const { line1, line2, postal_code, city, country } = order.address
  return [line1, line2, [postal_code, city].filter((part) => part !== null).join(" "), country]
    .filter((part) => part !== null && part !== "")
    .join(", ")
}

/** Pickup before drop-off; without a pickup place the parcel is with the driver's depot, and there is only the drop-off. */
const stopsOf = (order: OrderRow): Effect.Effect<ReadonlyArray<NewStop>> =>
  Effect.gen(function* () {
    const window =
      order.window_start === null || order.window_end === null
        ? undefined
        : { start: order.window_start, end: order.window_end }
    const { pickup_lat: lat, pickup_lng: lng, pickup_line1: line1 } = order
    const pickup: ReadonlyArray<NewStop> =
      lat === null || lng === null
        ? []
        : [{ id: yield* newId, type: "pickup", position: 1, lat, lng, address: line1, window: undefined }]
    const dropoff: NewStop = {
      id: yield* newId,
      type: "dropoff",
      position: pickup.length + 1,
      lat: order.address.lat,
      lng: order.address.lng,
      address: addressLine(order),
      window
    }
    return [...pickup, dropoff]
  })
