import type { FleetBoard } from "../realtime/FleetBoard.ts"
import { FleetStatus } from "../realtime/FleetBoard.ts"
import type { DriverActor } from "./DriverActor.ts"

/** What a driver has to do, as far as the fleet map shows it. */
export type DriverLoad = "assigned" | "carrying"

/** Puts drivers on the fleet's board: where they are, and whether they can be given work. */
export class FleetPresence {
  private readonly board: FleetBoard
  private readonly loads = new Map<string, DriverLoad>()

  constructor(board: FleetBoard) {
    this.board = board
  }

  /** The driver's live place changed. */
  moved(driver: DriverActor, now: number): void {
    if (driver.duty === "off") return
    const { board } = this
    board.move(this.handleOf(driver), driver.latE7, driver.lngE7, driver.headingCdeg, driver.markerRecordedAt, now)
  }

  /** The driver came, left, or changed duty. */
  changed(driver: DriverActor, now: number): void {
    const handle = this.handleOf(driver)
    this.board.rename(handle, driver.name)
    this.board.setStatus(handle, this.statusOf(driver))
    if (driver.duty === "off") return this.board.hide(handle)
    if (driver.devices.length === 0) return
    if (driver.hasMarker && driver.markerRecordedAt !== this.board.recordedAt[handle]) return this.moved(driver, now)
    this.board.heard(handle, now)
  }

  /** What the driver has to do changed; undefined is nothing. */
  loaded(driverId: string, load: DriverLoad | undefined, driver: DriverActor | undefined): void {
    if (load === undefined) this.loads.delete(driverId)
    else this.loads.set(driverId, load)
    const handle = this.board.find(driverId)
    if (handle !== undefined && driver !== undefined) this.board.setStatus(handle, this.statusOf(driver))
  }

  /** All drivers who have something to do; what others had is done. */
  loadedAll(loads: ReadonlyMap<string, DriverLoad>, drivers: ReadonlyMap<string, DriverActor>): void {
    for (const driverId of this.loads.keys())
      if (!loads.has(driverId)) this.loaded(driverId, undefined, drivers.get(driverId))
    for (const [driverId, load] of loads)
      if (this.loads.get(driverId) !== load) this.loaded(driverId, load, drivers.get(driverId))
  }

  private statusOf(driver: DriverActor): FleetStatus {
    if (driver.devices.length === 0) return FleetStatus.offline
    const load = this.loads.get(driver.driverId)
    if (load !== undefined) return load === "carrying" ? FleetStatus.carrying : FleetStatus.assigned
    if (driver.duty === "break") return FleetStatus.break
    return driver.duty === "on" ? FleetStatus.available : FleetStatus.connected
  }

  private handleOf(driver: DriverActor): number {
    if (driver.handle < 0) driver.handle = this.board.handleOf(driver.driverId, driver.name)
    return driver.handle
  }
}
