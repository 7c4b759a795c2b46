import { Context, Effect, Layer } from "effect"
import type { ActorKind } from "../../domain/Actor.ts"
import { decideCancel, decideComplete, decideDriver, decideStart, type RunCommand } from "../../domain/Run.ts"
import { type NewRun, orDriverHasRun, type RunChange, RunRepo } from "../../persistence/runs/RunRepo.ts"
import { ShipmentRepo } from "../../persistence/shipments/ShipmentRepo.ts"
import { DriverNotAssignable } from "../CommandRefused.ts"
import { makeRunBreaks } from "./RunBreaks.ts"
import { makeRunGiving } from "./RunGiving.ts"
import { makeRunPlanning } from "./RunPlanning.ts"
import { RunPartUnknown } from "./RunRefused.ts"
import { makeRunTaking, ruled } from "./RunTaking.ts"

const decisions = { start: decideStart, complete: decideComplete, cancel: decideCancel } as const

const make = Effect.gen(function* () {
  const repo = yield* RunRepo
  const shipments = yield* ShipmentRepo
  const { take, keep, change } = yield* makeRunTaking
  const planning = yield* makeRunPlanning
  const breaks = yield* makeRunBreaks
  const { give, missing } = yield* makeRunGiving

  const fitDriver = Effect.fnUntraced(function* (driverId: string | null | undefined) {
    if (driverId === undefined || driverId === null) return
    const standing = yield* shipments.driverStanding(driverId)
    if (standing === undefined) return yield* new DriverNotAssignable({ driverId, reason: "unknown" })
    if (standing !== "active" && standing !== "invited")
      return yield* new DriverNotAssignable({ driverId, reason: "suspended" })
  })
  const knownVehicle = Effect.fnUntraced(function* (vehicleId: string | null | undefined) {
    if (vehicleId === undefined || vehicleId === null || (yield* repo.hasVehicle(vehicleId))) return
    return yield* new RunPartUnknown({ part: "vehicle", position: undefined })
  })

  /** Plans a run; `stopIds` is the order of all its stops. In the caller's transaction. */
  const create = Effect.fn("Runs.create")(function* (
    run: NewRun,
    shipmentIds: ReadonlyArray<string>,
    stopIds: ReadonlyArray<string> | undefined
  ) {
    yield* fitDriver(run.driverId)
    yield* knownVehicle(run.vehicleId)
    yield* repo.insert(run)
    if (run.driverId !== null) yield* repo.wantGiving(run.id, undefined)
    if (shipmentIds.length > 0 || stopIds !== undefined) yield* planning.add(run.id, shipmentIds, stopIds, undefined)
  })

  /**
   * Changes a run besides its stops. In the caller's transaction; who is its driver then is given its shipments by `give`, with the reason
   * for what another driver has picked up.
   */
  const update = Effect.fn("Runs.update")(function* (
    runId: string,
    { driver_id: driverId, ...plain }: RunChange,
    expectedVersion: number | undefined,
    reason?: string
  ) {
    const before = yield* take(runId, expectedVersion, [])
    yield* fitDriver(driverId)
    yield* knownVehicle(plain.vehicle_id)
    if (driverId !== undefined) {
      const after = yield* ruled(decideDriver(before, driverId ?? undefined))
      yield* orDriverHasRun(after.driverId)(keep(runId, before, after))
      if (after.driverId !== undefined) yield* repo.wantGiving(runId, reason)
    }
    yield* repo.update(runId, plain)
  })

  /** Starts, completes or cancels a run. In the caller's transaction. */
  const move = Effect.fn("Runs.move")(function* (
    runId: string,
    command: RunCommand,
    expectedVersion: number | undefined
  ) {
    const { driver_id: driverId } = yield* repo.get(runId)
    yield* orDriverHasRun(driverId ?? undefined)(
      change(runId, expectedVersion, [], (state) => ruled(decisions[command](state)))
    )
  })

  /** A run with all that it consists of. In the caller's transaction; `kind` is who looks. */
  const detail = Effect.fn("Runs.detail")(function* (runId: string, kind: ActorKind) {
    return {
      run: yield* repo.get(runId),
      stops: yield* repo.stops(runId),
      shipments: yield* repo.shipments(runId),
      missing: yield* missing(runId, kind)
    }
  })

  return { ...planning, ...breaks, create, update, move, detail, give }
})

/**
 * Runs: several shipments on one way. A run's commands are decided in one transaction on its row, by the pure rules of src/domain/Run.ts;
 * it is no actor, since nothing of it is asked often (ADR 0180).
 *
 * Tricky interleavings
 * - A driver delivers while a dispatcher moves the stops: both take the shipment before the run, so one waits for the other.
 * - A shipment joins while the run is taken: it is not held, and the change begins anew (RunMoved).
 * - Two runs of one driver start at once: a unique index lets one of them (DriverHasRun).
 * - The node dies between giving a run to a driver and asking its shipments: that they are to be asked is kept with the run's change, and
 *   another node, or the same one, does it (RunRepair).
 */
export class Runs extends Context.Service<Runs>()("dropmate/actors/runs/Runs", { make }) {
  static readonly layer = Layer.effect(this, this.make)
}

/** A run with all that it consists of. */
export type RunDetail = Effect.Success<ReturnType<Runs["Service"]["detail"]>>
