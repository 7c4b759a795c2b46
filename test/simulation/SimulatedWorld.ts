import { defaultLimits, type Limits } from "../../src/config/Limits.ts"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { flagsThatHoldTheMarker } from "../../src/domain/TelemetryRules.ts"
import { dayOf } from "../../src/persistence/ingest/TelemetryDays.ts"
import { type DatabaseFaults, noFaults } from "./SimulatedConnection.ts"
import { compareAge, deviceKey, pointKey, SimulatedDatabase, simulatedId, Violation } from "./SimulatedDatabase.ts"
import { type FrameFaults, noFrameFaults, SimulatedNetwork } from "./SimulatedNetwork.ts"
import { SimulatedNode } from "./SimulatedNode.ts"
import { SimulatedPhone } from "./SimulatedPhone.ts"
import { VirtualTime } from "./VirtualTime.ts"

/** What a run came to. Two runs of a seed come to the same. */
export interface WorldReport {
  readonly steps: number
  readonly virtualMs: number
  readonly points: number
  readonly commits: number
  readonly faults: number
}

/** Small, so that every bound is met within seconds. */
const limits: Limits = {
  ...defaultLimits,
  windowPoints: 40,
  batchPointsMax: 40,
  bufferedPointsMax: 60,
  flushPointsMin: 15,
  flushPointsMax: 40,
  ingestRetryMs: 100,
  ingestAlarmRetryMs: 400,
  ingestStatementTimeoutMs: 2_000,
  databaseConnectMs: 1_000,
  pingEveryMs: 3_000,
  socketSilentMs: 8_000,
  retryAfterMs: 300
}

/** A few seconds before midnight, UTC: the day changes in the middle of each run. */
const startMs = Date.UTC(2026, 2, 1, 23, 59, 54)
const drivers = 3
const nodesMany = 2
/** From the end of all faults until the last point must be acknowledged. */
const healedWithinMs = 150_000

/** A city of phones, two nodes and a database under a seeded storm of faults, all of it in virtual time. */
export class SimulatedWorld {
  readonly time = new VirtualTime(startMs)
  private readonly random: SeededRandom
  private readonly database: SimulatedDatabase
  private readonly nodes: Array<SimulatedNode> = []
  private readonly phones: Array<SimulatedPhone> = []
  private readonly network: SimulatedNetwork
  private readonly faults: DatabaseFaults
  private readonly frameFaults: FrameFaults
  private violation: string | undefined
  private faultsDone = 0
  private isHealed = false
  /** What has to be done outside the step in which it was decided. */
  private todo: Array<() => Promise<void>> = []

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    const { time, random } = this
    const storm = (share: number): number => (random.chance(0.5) ? random.between(0, share) : 0)
    this.faults = {
      lostBefore: storm(0.1),
      lostAfter: storm(0.15),
      lostMeanwhile: storm(0.1),
      stalled: storm(0.03),
      refused: storm(0.1)
    }
    this.frameFaults = { dropped: storm(0.1), doubled: storm(0.15), overtaken: storm(0.1) }
    this.database = new SimulatedDatabase(time)
    this.database.days.add(dayOf(startMs))
    const world = {
      time,
      random,
      database: this.database,
      nodes: this.nodes,
      limits,
      faults: this.faults,
      frameFaults: this.frameFaults,
      violated: (what: string): void => {
        this.violation ??= what
      }
    }
    for (let i = 0; i < nodesMany; i++) this.nodes.push(new SimulatedNode(`node-${i}`, world))
    this.network = new SimulatedNetwork(world)
    for (let i = 0; i < drivers; i++)
      this.phones.push(new SimulatedPhone(simulatedId("d41e", i + 1), time, random.fork(i), this.network))
  }

  /** A storm of faults, then calm: everything that was reported must be in the database, once, and the phones must know. */
  async run(): Promise<WorldReport> {
    for (const node of this.nodes) await node.start()
    for (const phone of this.phones) {
      phone.start()
      phone.drive()
    }
    const stormEndsMs = this.time.nowMs + this.random.between(6_000, 12_000)
    this.planFault()
    while (this.time.nowMs < stormEndsMs) await this.step()
    this.heal()
    const calmEndsMs = this.time.nowMs + healedWithinMs
    while (!this.isCalm) {
      if (this.time.nowMs > calmEndsMs) throw new Violation(`not calm after ${healedWithinMs} ms: ${this.unrest}`)
      await this.step()
    }
    this.judgeStored()
    for (const node of this.nodes) await node.crash()
    return {
      steps: this.time.steps,
      virtualMs: Math.round(this.time.nowMs - startMs),
      points: this.phones.reduce((sum, { reported }) => sum + reported.length, 0),
      commits: this.database.commits,
      faults: this.faultsDone
    }
  }

  private async step(): Promise<void> {
    await this.time.step()
    for (const work of this.todo.splice(0)) await work()
    for (const node of this.nodes) this.violation ??= node.broken()
    for (const phone of this.phones) {
      if (phone.stopped !== undefined)
        this.violation ??= `an honest app was turned away: ${JSON.stringify(phone.stopped)}`
    }
    if (this.violation !== undefined) throw new Violation(this.violation)
  }

  private planFault(): void {
    this.time.after(this.random.between(100, 1_500), () => {
      if (this.isHealed) return
      this.faultsDone++
      this.fault()
      this.planFault()
    })
  }

  private fault(): void {
    const { random, network, phones, time, database } = this
    switch (random.below(8)) {
      case 0:
        return network.anyLine()?.cut()
      case 1:
        return network.anyLine()?.breakSilently()
      case 2:
        return network.anyLine()?.hold(random.between(100, 5_000))
      case 3:
        return phones[random.below(phones.length)]?.restart()
      case 4:
      case 5:
        return this.crash(this.nodes[random.below(this.nodes.length)] as SimulatedNode)
      case 6:
        database.days.clear()
        return
      default:
        database.goAway()
        time.after(random.between(50, 3_000), () => database.comeBack())
    }
  }

  private crash(node: SimulatedNode): void {
    if (!node.isUp) return
    this.todo.push(async () => {
      this.network.crashed(node)
      await node.crash()
      this.time.after(this.random.between(50, 2_000), () => this.todo.push(() => node.start()))
    })
  }

  /** Ends everything that goes wrong. */
  private heal(): void {
    this.isHealed = true
    Object.assign(this.faults, noFaults)
    Object.assign(this.frameFaults, noFrameFaults)
    this.database.comeBack()
    this.network.heal()
    for (const phone of this.phones) phone.rest()
  }

  private get isCalm(): boolean {
    return this.phones.every(({ pending }) => pending === 0) && this.nodes.every(({ buffered }) => buffered === 0)
  }

  private get unrest(): string {
    return JSON.stringify({
      pending: this.phones.map(({ pending }) => pending),
      buffered: this.nodes.map(({ buffered }) => buffered),
      up: this.nodes.map(({ isUp }) => isUp)
    })
  }

  private judgeStored(): void {
    for (const { driverId, reported } of this.phones) {
      const cursor = this.database.cursors.get(deviceKey(driverId, 1))
      if (cursor?.lastSeq !== reported.length)
        throw new Violation(`${driverId} reported ${reported.length} points, its cursor is at ${cursor?.lastSeq}`)
      reported.forEach((point, index) => {
        const key = pointKey(driverId, 1, index + 1)
        const row = this.database.rows.get(key)
        const code = this.database.quarantined.get(key)
        const isKept = row?.recordedAt === point.recordedAt && row.latE7 === point.latE7 && row.lngE7 === point.lngE7
        const isRight =
          point.becomes === "stored" ? isKept && code === undefined : row === undefined && code === point.becomes
        if (!isRight)
          throw new Violation(`${key} ${JSON.stringify(point)} became ${JSON.stringify(row)}, quarantine ${code}`)
      })
      this.judgeMarker(
        driverId,
        reported.some(({ becomes }) => becomes === "refused_by_database")
      )
    }
    const points = this.database.rows.size + this.database.quarantined.size
    const reported = this.phones.reduce((sum, phone) => sum + phone.reported.length, 0)
    if (points !== reported) throw new Violation(`${reported} points were reported, ${points} are in the database`)
  }

  /** The marker is at the newest point that may be one. After a point that the database refused, it may wait for the next newer one. */
  private judgeMarker(driverId: string, mayLag: boolean): void {
    const rows = [...this.database.rows.values()].filter(
      (row) => row.driverId === driverId && (row.flags & flagsThatHoldTheMarker) === 0
    )
    const newest = rows.reduce<(typeof rows)[number] | undefined>(
      (best, row) => (best === undefined || compareAge(row, best) > 0 ? row : best),
      undefined
    )
    const marker = this.database.driverMarker(driverId)
    const age = newest === undefined || marker === undefined ? 0 : compareAge(marker, newest)
    if ((newest === undefined) !== (marker === undefined) ? !mayLag : mayLag ? age > 0 : age !== 0)
      throw new Violation(`marker of ${driverId} is ${JSON.stringify(marker)}, newest point ${JSON.stringify(newest)}`)
  }
}
