/** What a dispatcher sees of a driver: `status` of the fleet frames. */
export const FleetStatus = { offline: 0, available: 1, break: 2, assigned: 3, carrying: 4, connected: 5 } as const
export type FleetStatus = (typeof FleetStatus)[keyof typeof FleetStatus]

/** A part of the map in degrees; west above east crosses the antimeridian. Undefined is the whole world. */
export type BoundingBox = readonly [west: number, south: number, east: number, north: number] | undefined

const never = Number.NEGATIVE_INFINITY

/**
 * Where every driver is, column by column: a handle is an index into each. One board serves a node for its life (its
 * `epoch`), and handles are never given twice, so a frame names a driver in one to three bytes.
 * A move writes six numbers; who wants to know asks for what changed since a version.
 */
export class FleetBoard {
  /** Names this board: handles and offsets of another board mean nothing here. */
  readonly epoch: string
  /** Drivers that have a handle. */
  count = 0
  readonly ids: Array<string> = []
  readonly names: Array<string> = []
  latE7 = new Int32Array(1024)
  lngE7 = new Int32Array(1024)
  /** -1 when unknown. */
  headingCdeg = new Int32Array(1024)
  status = new Uint8Array(1024)
  recordedAt = new Float64Array(1024).fill(never)
  /** Server clock, ms: when the driver was last heard of. */
  heardAt = new Float64Array(1024).fill(never)
  /** 1 while the driver belongs on a map: it has a position, is not off duty and was heard of lately. */
  shown = new Uint8Array(1024)
  /** The board's version when the driver last changed. */
  changedAt = new Float64Array(1024)
  /** Rises with every change. */
  version = 0
  private readonly handles = new Map<string, number>()

  constructor(epoch: string) {
    this.epoch = epoch
  }

  /** The driver's handle, given now if there is none. */
  handleOf(driverId: string, name: string): number {
    const known = this.handles.get(driverId)
    if (known !== undefined) return known
    const handle = this.count++
    if (handle === this.status.length) this.grow()
    this.handles.set(driverId, handle)
    this.ids.push(driverId)
    this.names.push(name)
    return handle
  }

  /** The handle of a driver that has one. */
  find(driverId: string): number | undefined {
    return this.handles.get(driverId)
  }

  move(handle: number, latE7: number, lngE7: number, headingCdeg: number, recordedAt: number, now: number): void {
    this.latE7[handle] = latE7
    this.lngE7[handle] = lngE7
    this.headingCdeg[handle] = Number.isNaN(headingCdeg) ? -1 : headingCdeg
    this.recordedAt[handle] = recordedAt
    this.heardAt[handle] = now
    this.shown[handle] = 1
    this.changedAt[handle] = ++this.version
  }

  /** A driver that was heard of without moving stays on the map. */
  heard(handle: number, now: number): void {
    this.heardAt[handle] = now
    if (this.shown[handle] === 0 && this.recordedAt[handle] !== never) {
      this.shown[handle] = 1
      this.changedAt[handle] = ++this.version
    }
  }

  setStatus(handle: number, status: FleetStatus): void {
    if (this.status[handle] === status) return
    this.status[handle] = status
    this.changedAt[handle] = ++this.version
  }

  rename(handle: number, name: string): void {
    this.names[handle] = name
  }

  /** Takes a driver off the map; it keeps its handle. */
  hide(handle: number): void {
    if (this.shown[handle] === 0) return
    this.shown[handle] = 0
    this.changedAt[handle] = ++this.version
  }

  /** Hides who has been silent since before `before` (server clock, ms). */
  hideSilent(before: number): void {
    for (let handle = 0; handle < this.count; handle++) {
      if (this.shown[handle] === 1 && (this.heardAt[handle] as number) < before) this.hide(handle)
    }
  }

  isInside(handle: number, box: BoundingBox): boolean {
    if (box === undefined) return true
    const lat = (this.latE7[handle] as number) / 1e7
    const lng = (this.lngE7[handle] as number) / 1e7
    const [west, south, east, north] = box
    if (lat < south || lat > north) return false
    return west <= east ? lng >= west && lng <= east : lng >= west || lng <= east
  }

  private grow(): void {
    const size = this.status.length * 2
    this.latE7 = widened(this.latE7, new Int32Array(size))
    this.lngE7 = widened(this.lngE7, new Int32Array(size))
    this.headingCdeg = widened(this.headingCdeg, new Int32Array(size))
    this.status = widened(this.status, new Uint8Array(size))
    this.recordedAt = widened(this.recordedAt, new Float64Array(size).fill(never))
    this.heardAt = widened(this.heardAt, new Float64Array(size).fill(never))
    this.shown = widened(this.shown, new Uint8Array(size))
    this.changedAt = widened(this.changedAt, new Float64Array(size))
  }
}

const widened = <Column extends { set(from: ArrayLike<number>): void }>(
  from: ArrayLike<number>,
  to: Column
): Column => {
  to.set(from)
  return to
}
