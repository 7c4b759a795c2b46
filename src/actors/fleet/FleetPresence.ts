import { Context, Effect, Layer } from "effect"
import type { FleetBoard } from "../../realtime/FleetBoard.ts"
import { FleetStatus } from "../../realtime/FleetBoard.ts"
import { FleetHub } from "../../realtime/FleetHub.ts"
import type { PeerRow } from "../../realtime/PeerBatch.ts"
import type { DriverActor, Duty } from "../drivers/DriverActor.ts"
import { FleetChanges } from "./FleetChanges.ts"

/** What a driver has to do, as far as the fleet map shows it. */
export type DriverLoad = "assigned" | "carrying"

/** Who says what of a driver of another node. */
export type FleetSource = "database" | `node ${string}`

/** A driver whose phone is connected to another node. */
interface DriverElsewhere {
  readonly duty: Duty | undefined
  readonly source: FleetSource
  /** This node's clock, ms: when that was told last. */
  readonly toldAt: number
}

/**
 * Puts drivers on the fleet's board: where they are, and whether they can be given work. A driver who is connected here is what
 * the actor here says; anybody else is what the other nodes, or the database, say. Of two places the newer one counts.
 */
export class FleetPresence {
  /** Of this node's drivers, for the other nodes. */
  readonly changes = new FleetChanges()
  private readonly board: FleetBoard
  private readonly loads = new Map<string, DriverLoad>()
  private readonly elsewhere = new Map<string, DriverElsewhere>()
  private here: ReadonlyMap<string, DriverActor> = new Map()

  constructor(board: FleetBoard) {
    this.board = board
  }

  /** Says where this node's drivers are found; before any of them is told of. */
  follow(drivers: ReadonlyMap<string, DriverActor>): void {
    this.here = drivers
    this.changes.follow(drivers)
  }

  /** The driver's live place changed. */
  moved(driver: DriverActor, now: number): void {
    this.changes.note(driver)
    if (driver.duty === "off") return
    const { board } = this
    const handle = this.handleOf(driver)
    if (driver.markerRecordedAt < (board.recordedAt[handle] as number)) return board.heard(handle, now)
    board.move(handle, driver.latE7, driver.lngE7, driver.headingCdeg, driver.markerRecordedAt, now)
  }

  /** The driver came, left, or changed duty. */
  changed(driver: DriverActor, now: number): void {
    this.changes.note(driver)
    const handle = this.handleOf(driver)
    this.board.rename(handle, driver.name)
    this.board.setStatus(handle, this.statusOf(driver.driverId))
    if (this.dutyOf(driver.driverId) === "off") return this.board.hide(handle)
    if (driver.devices.length === 0) return
    if (driver.hasMarker && driver.markerRecordedAt !== this.board.recordedAt[handle]) return this.moved(driver, now)
    this.board.heard(handle, now)
  }

  /** All drivers who have something to do, on any node; what others had is done. */
  loaded(loads: ReadonlyMap<string, DriverLoad>): void {
    for (const driverId of [...this.loads.keys()]) if (!loads.has(driverId)) this.load(driverId, undefined)
    for (const [driverId, load] of loads) if (this.loads.get(driverId) !== load) this.load(driverId, load)
  }

  /** What other nodes are told of a driver who is, or was, connected here. */
  rowOf(driver: DriverActor): PeerRow {
    const { driverId, duty, hasMarker } = driver
    return {
      driverId,
      isConnected: driver.devices.length > 0,
      duty,
      heardAt: this.board.heardAt[this.handleOf(driver)] as number,
      place: hasMarker
        ? {
            recordedAt: driver.markerRecordedAt,
            latE7: driver.latE7,
            lngE7: driver.lngE7,
            speedCms: driver.speedCms,
            headingCdeg: driver.headingCdeg
          }
        : undefined
    }
  }

  /** Whether the driver has a place on the board: else `introduce` gives one. */
  isKnown(driverId: string): boolean {
    return this.board.find(driverId) !== undefined
  }

  introduce(driverId: string, name: string): void {
    this.board.handleOf(driverId, name)
  }

  /** Another node, or the database, told of a driver that is known here. */
  told({ driverId, isConnected, duty, heardAt, place }: PeerRow, source: FleetSource, now: number): void {
    const { board, elsewhere } = this
    const handle = board.find(driverId)
    if (handle === undefined) return
    if (isConnected) elsewhere.set(driverId, { duty, source, toldAt: now })
    else if (isEndedBy(elsewhere.get(driverId), source)) elsewhere.delete(driverId)
    board.setStatus(handle, this.statusOf(driverId))
    const isConnectedSomewhere = elsewhere.has(driverId) || this.isHere(driverId)
    if ((isConnectedSomewhere ? this.dutyOf(driverId) : duty) === "off") return board.hide(handle)
    if (place !== undefined && place.recordedAt > (board.recordedAt[handle] as number))
      return board.move(handle, place.latE7, place.lngE7, place.headingCdeg, place.recordedAt, heardAt)
    if (heardAt > (board.heardAt[handle] as number)) board.heard(handle, heardAt)
  }

  /** Who is said to be connected elsewhere and was not told of since `before` (this node's clock, ms) is offline. */
  forgetElsewhere(before: number): void {
    for (const [driverId, { toldAt }] of this.elsewhere) {
      if (toldAt >= before) continue
      this.elsewhere.delete(driverId)
      this.show(driverId)
    }
  }

  private load(driverId: string, load: DriverLoad | undefined): void {
    if (load === undefined) this.loads.delete(driverId)
    else this.loads.set(driverId, load)
    this.show(driverId)
  }

  private show(driverId: string): void {
    const handle = this.board.find(driverId)
    if (handle !== undefined) this.board.setStatus(handle, this.statusOf(driverId))
  }

  private isHere(driverId: string): boolean {
    return (this.here.get(driverId)?.devices.length ?? 0) > 0
  }

  private dutyOf(driverId: string): Duty | undefined {
    const elsewhere = this.elsewhere.get(driverId)
    return elsewhere === undefined || this.isHere(driverId) ? this.here.get(driverId)?.duty : elsewhere.duty
  }

  private statusOf(driverId: string): FleetStatus {
    if (!this.isHere(driverId) && !this.elsewhere.has(driverId)) return FleetStatus.offline
    const load = this.loads.get(driverId)
    if (load !== undefined) return load === "carrying" ? FleetStatus.carrying : FleetStatus.assigned
    const duty = this.dutyOf(driverId)
    if (duty === "break") return FleetStatus.break
    return duty === "on" ? FleetStatus.available : FleetStatus.connected
  }

  private handleOf(driver: DriverActor): number {
    if (driver.handle < 0) driver.handle = this.board.handleOf(driver.driverId, driver.name)
    return driver.handle
  }
}

// The node that a driver left may say so after the node that they went to has said that they came.
const isEndedBy = (elsewhere: DriverElsewhere | undefined, source: FleetSource): boolean =>
  elsewhere?.source === source || elsewhere?.source === "database"

/** The node's fleet. */
export const Fleet = Context.Service<FleetPresence>("dropmate/actors/Fleet")

/** One presence over the hub's board. */
export const FleetLayer = Layer.effect(
  Fleet,
  Effect.map(FleetHub, ({ board }) => new FleetPresence(board))
)
