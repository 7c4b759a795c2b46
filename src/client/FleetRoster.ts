/** `status` of fleet frames, by number. */
export const fleetStatuses = ["offline", "available", "break", "assigned", "carrying", "connected"] as const

/** What a driver is doing, as dispatchers see it. `connected`: duty never set; shown, not dispatched. */
export type FleetStatusName = (typeof fleetStatuses)[number]

/** A driver in view. One object per driver for as long as it is in view; it changes in place. */
export interface FleetDriver {
  readonly handle: number
  readonly id: string
  name: string
  /** Degrees. */
  lat: number
  lng: number
  /** Degrees from north; undefined when unknown. */
  headingDeg: number | undefined
  status: FleetStatusName
  /** When the driver's phone took the position, Unix milliseconds by the server's clock. */
  recordedAt: number
}

/** One driver's entry in POSITIONS, in the wire's units. */
export interface FleetMove {
  readonly handle: number
  readonly latE7: number
  readonly lngE7: number
  readonly headingCdeg: number | null
  readonly status: number
  readonly recordedAt: number
}

/** One driver's entry in a snapshot. */
export interface FleetEntry extends FleetMove {
  readonly id: string
  readonly name: string
}

/** Everybody in a dispatcher's view, by handle and by id. */
export class FleetRoster {
  private readonly byHandle = new Map<number, FleetDriver>()
  private readonly byId = new Map<string, FleetDriver>()
  /** Names of handles, which outlive their being in view. */
  private readonly introduced = new Map<number, { readonly id: string; readonly name: string }>()

  get size(): number {
    return this.byHandle.size
  }

  drivers(): Iterable<FleetDriver> {
    return this.byHandle.values()
  }

  find(id: string): FleetDriver | undefined {
    return this.byId.get(id)
  }

  /** Says who a handle is. */
  introduce(driver: { readonly handle: number; readonly id: string; readonly name: string }): void {
    this.introduced.set(driver.handle, { id: driver.id, name: driver.name })
    const known = this.byHandle.get(driver.handle)
    if (known !== undefined) known.name = driver.name
  }

  /** Takes a snapshot in the place of everything. `isNewEpoch`: the handles of before mean nothing any more. */
  replace(entries: ReadonlyArray<FleetEntry>, isNewEpoch: boolean): void {
    if (isNewEpoch) {
      this.introduced.clear()
      this.byHandle.clear()
      this.byId.clear()
    }
    for (const entry of entries) this.introduce(entry)
    this.keepOnly(new Set(entries.map(({ handle }) => handle)))
    for (const entry of entries) this.move(entry)
  }

  /** Forgets everybody else. */
  keepOnly(handles: ReadonlySet<number>): void {
    for (const handle of [...this.byHandle.keys()]) if (!handles.has(handle)) this.remove(handle)
  }

  remove(handle: number): void {
    const driver = this.byHandle.get(handle)
    if (driver === undefined) return
    this.byHandle.delete(handle)
    this.byId.delete(driver.id)
  }

  /** Moves a driver, or brings it into view; false when nobody introduced the handle. */
  move(move: FleetMove): boolean {
    const { lat, lng } = { lat: move.latE7 / 1e7, lng: move.lngE7 / 1e7 }
    const { recordedAt } = move
    const headingDeg = move.headingCdeg === null ? undefined : move.headingCdeg / 100
    const status = fleetStatuses[move.status] ?? "connected"
    const known = this.byHandle.get(move.handle)
    if (known === undefined) {
      const who = this.introduced.get(move.handle)
      if (who === undefined) return false
      const driver: FleetDriver = { handle: move.handle, ...who, lat, lng, headingDeg, status, recordedAt }
      this.byHandle.set(move.handle, driver)
      this.byId.set(who.id, driver)
      return true
    }
    Object.assign(known, { lat, lng, headingDeg, status, recordedAt })
    return true
  }
}
