import { onTestFinished } from "vitest"
import { ensureDrivers, TokenDesk } from "../../src/cli/fleet/DriverAccounts.ts"
import { DriverClient } from "../../src/client/DriverClient.ts"
import { RestClient } from "../../src/client/RestClient.ts"
import { type SocketFactory, webSocketFactory } from "../../src/client/SocketFactory.ts"
import { bareId } from "../../src/domain/Ids.ts"
import type { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import type { Oracle } from "./Oracle.ts"
import { processAdmin, type ServerProcess } from "./ServerProcess.ts"
import { until } from "./Until.ts"

/** What a fleet is asked to do. */
export interface FleetOptions {
  readonly drivers: number
  readonly pointsPerSecond: number
  readonly random: SeededRandom
  /** Puts a network of the test's making between a client and its socket. */
  readonly network?: (driverId: string, sockets: SocketFactory) => SocketFactory
  /** What a phone says the time of a point is that is due at `dueMs`. */
  readonly recordedAt?: (dueMs: number, random: SeededRandom) => number
}

/** A driver of the fleet: a client, and where it is. */
interface Courier {
  readonly id: string
  readonly client: DriverClient
  lat: number
  lng: number
}

const tickMs = 10
/** Comes back soon: the test waits for it. */
const backoff = { floorMs: 20, baseMs: 100, capMs: 500 }

/** Honest driver apps over real sockets under a steady load, watched by an oracle. */
export class LoadedFleet {
  readonly couriers: ReadonlyArray<Courier>
  readonly rest: RestClient
  /** What the phones' clocks are ahead of the machine's, milliseconds. */
  clockOffsetMs = 0
  private readonly options: FleetOptions
  private timer: ReturnType<typeof setInterval> | undefined
  private loadBeganAtMs = 0
  private loadBeganAt = 0
  private reported = 0
  private reportedBefore = 0
  private next = 0

  private constructor(couriers: ReadonlyArray<Courier>, rest: RestClient, options: FleetOptions) {
    this.couriers = couriers
    this.rest = rest
    this.options = options
  }

  /** Makes the drivers and connects them, half of them by each of the two ports; they stop with the test. */
  static async connect(server: ServerProcess, oracle: Oracle, options: FleetOptions): Promise<LoadedFleet> {
    const rest = new RestClient({ url: server.url })
    await rest.signIn(processAdmin.email, processAdmin.password)
    const people = Array.from({ length: options.drivers }, (_, i) => ({
      email: `courier-${i}@promise.example`,
      name: `Courier ${i}`
    }))
    const known = await ensureDrivers(rest, people, () => undefined)
    const desk = new TokenDesk(rest)
    const couriers = known.map(({ id: publicId }, index): Courier => {
      const id = bareId("driver", publicId) ?? publicId
      const network = options.network?.(id, webSocketFactory()) ?? webSocketFactory()
      const client = new DriverClient({
        url: server.driverUrl(index % 2 === 0 ? "http" : "realtime"),
        token: desk.providerOf(publicId),
        sockets: oracle.watch(id, network),
        holdMsMax: 0,
        backoff
      })
      return { id, client, lat: 40 + (index % 100) / 50, lng: -70 + Math.floor(index / 100) / 50 }
    })
    const fleet = new LoadedFleet(couriers, rest, options)
    onTestFinished(() => fleet.stop())
    await Promise.all(couriers.map(({ client }) => client.start()))
    await fleet.live()
    return fleet
  }

  /** Waits until every client is welcomed. */
  async live(): Promise<void> {
    await until(
      "a connection of every driver",
      () => this.couriers.filter(({ client }) => client.state === "live").length,
      (live) => live === this.couriers.length,
      60_000
    )
  }

  get reportedPoints(): number {
    return this.reportedBefore + this.reported
  }

  get pending(): number {
    return this.couriers.reduce((sum, { client }) => sum + client.pending, 0)
  }

  /** Points that were sent once more, after a connection was lost. */
  get resent(): number {
    return this.couriers.reduce((sum, { client }) => sum + client.counters.resent, 0)
  }

  /** Reports points at the agreed rate, evenly over the drivers, until `rest` is called. */
  drive(): void {
    this.reportedBefore += this.reported
    this.reported = 0
    this.loadBeganAtMs = performance.now()
    this.loadBeganAt = Date.now()
    this.timer ??= setInterval(() => this.tick(), tickMs)
  }

  pause(): void {
    clearInterval(this.timer)
    this.timer = undefined
  }

  private tick(): void {
    const { clockOffsetMs } = this
    const { pointsPerSecond, random, recordedAt } = this.options
    const owed = Math.floor(((performance.now() - this.loadBeganAtMs) * pointsPerSecond) / 1_000)
    for (; this.reported < owed; this.reported++) {
      // A point is stamped with the moment it was due, so that a late tick does not stamp many alike.
      const dueMs = Math.floor(this.loadBeganAt + clockOffsetMs + (this.reported * 1_000) / pointsPerSecond)
      const courier = this.couriers[this.next++ % this.couriers.length] as Courier
      courier.lat += random.between(-1e-5, 2e-5)
      courier.lng += random.between(-1e-5, 2e-5)
      courier.client.report({
        recordedAt: recordedAt?.(dueMs, random) ?? dueMs,
        lat: courier.lat,
        lng: courier.lng,
        speedMps: random.between(0, 15),
        headingDeg: random.between(0, 359),
        accuracyM: random.between(3, 30)
      })
    }
  }

  /** Stops the load and waits until every point is acknowledged. */
  async drained(deadlineMs = 30_000): Promise<void> {
    this.pause()
    await until(
      "the acknowledgement of every point",
      () => ({ pending: this.pending, stopped: this.couriers.find(({ client }) => client.stopped)?.client.stopped }),
      ({ pending, stopped }) => {
        if (stopped !== undefined) throw new Error(`a driver was turned away: ${JSON.stringify(stopped)}`)
        return pending === 0
      },
      deadlineMs
    )
  }

  async stop(): Promise<void> {
    this.pause()
    await Promise.all(this.couriers.map(({ client }) => client.stop()))
  }
}
