import { DriverClient } from "../../src/client/DriverClient.ts"
import { foldEntries, type StoreEntry } from "../../src/client/DriverStore.ts"
import type { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { refusedBattery } from "./SimulatedDatabase.ts"
import type { SimulatedNetwork } from "./SimulatedNetwork.ts"
import type { VirtualTime } from "./VirtualTime.ts"

/** A point as the phone reported it, and what must become of it. */
export interface ReportedPoint {
  readonly recordedAt: number
  readonly latE7: number
  readonly lngE7: number
  readonly becomes: "stored" | "clock_future" | "refused_by_database"
}

/** Comes back soon: time is virtual, but each of its seconds costs some real work. */
const backoff = { floorMs: 20, baseMs: 200, capMs: 1_000 }
const firstLatE7 = 525_200_000
const lngE7 = 134_050_000
/** A little more than a metre, so that no point is a jump. */
const stepE7 = 100

/** A driver's app, the real one, with a store that outlives it, in the hands of a simulated driver. */
export class SimulatedPhone {
  readonly driverId: string
  readonly reported: Array<ReportedPoint> = []
  private readonly time: VirtualTime
  private readonly random: SeededRandom
  private readonly network: SimulatedNetwork
  private readonly entries: Array<StoreEntry> = []
  private client: DriverClient
  private ids = 0
  private isReporting = false

  constructor(driverId: string, time: VirtualTime, random: SeededRandom, network: SimulatedNetwork) {
    this.driverId = driverId
    this.time = time
    this.random = random
    this.network = network
    this.client = this.install()
  }

  /** Points that are not acknowledged. */
  get pending(): number {
    return this.client.pending
  }

  /** Why the app gave up, if it did: an honest one never must. */
  get stopped(): unknown {
    return this.client.stopped
  }

  start(): void {
    this.client.start().catch((cause: unknown) => {
      throw cause
    })
  }

  /** The system ends the app, and it is started again: what its store holds is all it knows. */
  restart(): void {
    this.client.stop().catch((cause: unknown) => {
      throw cause
    })
    this.client = this.install()
    this.start()
  }

  /** Reports positions until `rest`, at any pace. */
  drive(): void {
    this.isReporting = true
    this.time.after(this.random.between(50, 400), () => {
      if (!this.isReporting) return
      for (let burst = this.random.chance(0.03) ? 25 : 1; burst > 0; burst--) this.report()
      this.drive()
    })
  }

  rest(): void {
    this.isReporting = false
  }

  private report(): void {
    const { random } = this
    const becomes = random.chance(0.03) ? "clock_future" : random.chance(0.01) ? "refused_by_database" : "stored"
    const hurry = random.chance(0.05) ? random.between(-1_500, 0) : 0
    const recordedAt = Math.floor(this.time.nowMs + (becomes === "clock_future" ? 3_600_000 : hurry))
    const latE7 = firstLatE7 + this.reported.length * stepE7
    const isTaken = this.client.report({
      recordedAt,
      lat: latE7 / 1e7,
      lng: lngE7 / 1e7,
      speedMps: random.chance(0.05) ? 90 : 8,
      headingDeg: 90,
      accuracyM: random.chance(0.05) ? 400 : 5,
      battery: becomes === "refused_by_database" ? refusedBattery : 80
    })
    if (!isTaken) throw new Error(`the app of ${this.driverId} takes no more points`)
    this.reported.push({ recordedAt, latE7, lngE7, becomes })
  }

  private install(): DriverClient {
    const { entries } = this
    return new DriverClient({
      url: "ws://simulated.example/v1/driver",
      token: () => Promise.resolve(this.driverId),
      sockets: this.network.sockets(this.driverId),
      clock: this.time.clientClock,
      random: () => this.random.next(),
      newId: () => `${this.driverId}-${++this.ids}`,
      store: {
        load: () => foldEntries(entries),
        record: (entry) => void entries.push(entry),
        close: () => undefined
      },
      backoff,
      holdMsMax: 0
    })
  }
}
