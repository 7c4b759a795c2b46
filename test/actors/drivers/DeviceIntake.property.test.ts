import { Context, Effect, Exit, Layer, Logger, Redacted, Scope } from "effect"
import { Reactivity } from "effect/reactivity"
import fc from "fast-check"
import { afterAll, beforeAll, expect, it } from "vitest"
import { DeviceIntake, type IntakeNode } from "../../../src/actors/drivers/DeviceIntake.ts"
import { DriverActor } from "../../../src/actors/drivers/DriverActor.ts"
import type { DriverLink } from "../../../src/actors/drivers/DriverLink.ts"
import { defaultLimits, Limits } from "../../../src/config/Limits.ts"
import { DatabaseUrl } from "../../../src/persistence/Database.ts"
import { DriverSessionRepo } from "../../../src/persistence/drivers/DriverSessionRepo.ts"
import { TelemetryWriter } from "../../../src/persistence/ingest/TelemetryWriter.ts"
import { PointBlock } from "../../../src/protocol/PointBlock.ts"
import { readPointFrame } from "../../../src/protocol/PointFrames.ts"
import { insertDriver } from "../../kit/EngineUnderTest.ts"
import { runSeed } from "../../kit/LooseEncoding.ts"
import { promiseSize } from "../../kit/PromiseSize.ts"
import { until } from "../../kit/Until.ts"
import { startWriter, type WriterUnderTest } from "../../kit/WriterUnderTest.ts"

let database: WriterUnderTest

beforeAll(async () => {
  database = await startWriter()
})
afterAll(() => database.drop())

const seed = runSeed()
const numRuns = promiseSize({ ci: 60, nightly: 2_000 })
const pointsMax = 60
const limits: Limits = {
  ...defaultLimits,
  flushAfterMs: 1,
  windowPoints: 40,
  batchPointsMax: 40,
  ingestRetryMs: 5,
  refusedRepeatMs: 0,
  // The histories exceed their credit at will; being closed for it is tried elsewhere.
  creditRefusalsMax: Number.MAX_SAFE_INTEGER
}

/** The writing half of a node, which `crash` ends without draining. */
const startNode = async () => {
  const scope = await Effect.runPromise(Scope.make())
  const base = Layer.mergeAll(
    Layer.succeed(Limits, limits),
    Layer.succeed(DatabaseUrl, Redacted.make(database.databaseUrl)),
    Logger.layer([]),
    Reactivity.layer
  )
  const baseContext = await Effect.runPromise(Scope.provide(Layer.build(Layer.fresh(base)), scope))
  const layer = Layer.fresh(Layer.mergeAll(TelemetryWriter.layer, DriverSessionRepo.layer))
  const services = await Effect.runPromise(Scope.provide(Effect.provideContext(Layer.build(layer), baseContext), scope))
  return {
    writer: Context.get(services, TelemetryWriter),
    sessions: Context.get(services, DriverSessionRepo),
    crash: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}
type Node = Awaited<ReturnType<typeof startNode>>

/** A phone with one device whose connection, session and server may go at any moment. */
class Phone {
  private intake: DeviceIntake | undefined
  private readonly base = Date.now() - 3_600_000
  private readonly block = new PointBlock(pointsMax)
  readonly driverId: string
  ackedSeq = 0
  /** Acknowledgements as they came, to be compared with what is committed. */
  readonly acks: Array<number> = []
  closedWith: number | undefined
  private connections = 0

  constructor(driverId: string) {
    this.driverId = driverId
  }

  async hello(node: Node): Promise<void> {
    const request = {
      driverId: this.driverId,
      deviceId: "phone",
      platform: "android",
      appVersion: "",
      capabilities: [],
      attempt: undefined
    } as const
    const session = await Effect.runPromise(node.sessions.open(request, "test"))
    this.intake?.replaced()
    this.closedWith = undefined
    this.ackedSeq = session.lastSeq
    const { writer } = node
    const driver = new DriverActor(this.driverId, "D", 0)
    const intakeNode: IntakeNode = {
      limits,
      isFull: writer.isFull,
      appended: writer.appended,
      moved: () => undefined,
      beaconed: () => undefined,
      quarantined: () => undefined,
      refused: () => undefined
    }
    this.intake = new DeviceIntake(
      driver,
      session,
      limits.windowPoints,
      writer.laneOf(this.driverId),
      this.link(),
      intakeNode
    )
  }

  /** Each connection has a link of its own: what is said to an old one is not heard on the new. */
  private link(): DriverLink {
    const connection = ++this.connections
    const isCurrent = (): boolean => connection === this.connections
    return {
      ack: (seq) => {
        this.acks.push(seq)
        if (!isCurrent()) return
        this.ackedSeq = Math.max(this.ackedSeq, seq)
      },
      flagged: () => undefined,
      refused: () => undefined,
      credit: () => undefined,
      tasks: () => undefined,
      offer: () => undefined,
      offerGone: () => undefined,
      message: () => undefined,
      result: () => undefined,
      close: (code) => {
        if (isCurrent()) this.closedWith = code
      }
    }
  }

  send(from: number, count: number): void {
    const last = Math.min(from + count - 1, pointsMax)
    if (last < from || this.intake === undefined || this.closedWith !== undefined) return
    const size = last - from + 1
    const constant = (first: number, rest: number) => Array.from({ length: size }, (_, i) => (i === 0 ? first : rest))
    const frame = [3, from, this.base + from * 1_000, constant(0, 1_000), constant(from * 100, 100), constant(0, 0)]
    expect(readPointFrame(frame, this.block)).toBeUndefined()
    this.intake.report(this.block, Date.now())
  }
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("send" as const),
      from: fc.integer({ min: 1, max: pointsMax }),
      count: fc.integer({ min: 1, max: 30 })
    })
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("next" as const), count: fc.integer({ min: 1, max: 15 }) }) },
  { weight: 2, arbitrary: fc.constant({ kind: "takeover" as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: "look" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "crash" as const }) }
)

const standing = async (driverId: string) => {
  const { rows } = await database.client.query<{ n: number; d: number; last: number; place: number | null }>(
    `SELECT (SELECT count(*)::int FROM driver_location_events WHERE driver_id = $1) AS n,
       (SELECT count(DISTINCT seq)::int FROM driver_location_events WHERE driver_id = $1) AS d,
       coalesce((SELECT max(last_seq)::int FROM driver_ingest_cursors WHERE driver_id = $1), 0) AS last,
       (SELECT round(lat * 1e5)::int FROM active_driver_locations WHERE driver_id = $1) AS place`,
    [driverId]
  )
  return rows[0] ?? { n: 0, d: 0, last: 0, place: null }
}

it(`any order of loss, repetition, reordering, takeover and crash stores each point once and never moves the marker back (PROMISE_SEED=${seed}, ${numRuns} histories)`, async () => {
  let node = await startNode()
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (history) => {
      const { driverId } = await insertDriver(database.client)
      const phone = new Phone(driverId)
      await phone.hello(node)
      let next = 1
      let place = 0
      const look = async (): Promise<void> => {
        const acked = Math.max(0, ...phone.acks)
        const now = await standing(driverId)
        expect(now.last).toBeGreaterThanOrEqual(acked)
        expect([now.n, now.d]).toEqual([now.last, now.last])
        expect(now.place ?? 0).toBeGreaterThanOrEqual(place)
        place = now.place ?? 0
      }
      for (const action of history) {
        if (action.kind === "send") phone.send(action.from, action.count)
        if (action.kind === "next") {
          phone.send(next, action.count)
          next = Math.min(next + action.count, pointsMax + 1)
        }
        if (action.kind === "crash") {
          await node.crash()
          node = await startNode()
        }
        if (action.kind === "takeover" || action.kind === "crash") {
          await phone.hello(node)
          next = phone.ackedSeq + 1
        }
        if (action.kind === "look") await look()
      }
      await phone.hello(node)
      await until(
        "everything is acknowledged",
        () => {
          phone.send(phone.ackedSeq + 1, limits.windowPoints)
          return phone.ackedSeq
        },
        (seq) => seq === pointsMax
      )
      await look()
      expect(await standing(driverId)).toEqual({ n: pointsMax, d: pointsMax, last: pointsMax, place: pointsMax })
    }),
    { seed, numRuns, endOnFailure: true }
  )
  await node.crash()
}, 1_800_000)
