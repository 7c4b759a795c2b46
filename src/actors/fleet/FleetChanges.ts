import type { DriverActor } from "../drivers/DriverActor.ts"

/** The drivers of this node that other nodes are yet to be told of. Costs nothing while nobody listens. */
export class FleetChanges {
  private readonly waiting = new Set<DriverActor>()
  private isShared = false
  private drivers: ReadonlyMap<string, DriverActor> = new Map()
  private round: IterableIterator<DriverActor> = this.drivers.values()

  /** Says where this node's drivers are found. */
  follow(drivers: ReadonlyMap<string, DriverActor>): void {
    this.drivers = drivers
    this.round = drivers.values()
  }

  /** Other nodes listen, or none does any more. */
  share(isShared: boolean): void {
    this.isShared = isShared
    if (!isShared) this.waiting.clear()
  }

  /** The driver moved, came, left or changed duty. */
  note(driver: DriverActor): void {
    if (this.isShared) this.waiting.add(driver)
  }

  /** Notes every connected driver. */
  noteAll(): void {
    for (const driver of this.drivers.values()) if (driver.devices.length > 0) this.note(driver)
  }

  /** Notes the next ones of an endless round over the connected drivers; one round takes `ticks` calls. */
  noteSome(ticks: number): void {
    for (let i = Math.ceil(this.drivers.size / ticks); i > 0; i--) {
      const { value } = this.round.next()
      if (value === undefined) {
        this.round = this.drivers.values()
        return
      }
      if (value.devices.length > 0) this.note(value)
    }
  }

  /** Takes out up to `max` drivers. */
  take(max: number): ReadonlyArray<DriverActor> {
    const taken: Array<DriverActor> = []
    for (const driver of this.waiting) {
      if (taken.length === max) break
      taken.push(driver)
      this.waiting.delete(driver)
    }
    return taken
  }
}
