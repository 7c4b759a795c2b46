import { afterAll, beforeAll, expect, it } from "vitest"
import { customerEventTypes } from "../../src/domain/CustomerEvent.ts"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { TrackingServerFrame } from "../../src/protocol/FrameType.ts"
import { type EngineUnderTest, startEngine, type TestDriver } from "../kit/EngineUnderTest.ts"
import { promiseSeed, promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { type PlacedOrder, TrackedOrders } from "../kit/TrackedOrders.ts"
import { FoldedOrder, trackFrame } from "../kit/TrackingWatch.ts"
import { until } from "../kit/Until.ts"
import { UpgradeRefused, WireClient } from "../kit/WireClient.ts"

const cycles = promiseSize({ ci: 150, nightly: 1_000 })
const watchersMax = 5
/** Cuts between two restarts of the node. */
const restartEvery = 40

let engine: EngineUnderTest
let orders: TrackedOrders

// Orders are forgotten as soon as nobody watches, so that some returns are met from memory and some from the database.
const limits = { trackLingerMs: 40, noticeReconnectMs: 50, trackIntervalMsMin: 200 }

let database: EngineUnderTest

beforeAll(async () => {
  // Owns the database; the engine that customers meet is another one over it, which can be started again.
  database = await startEngine()
  engine = await startOver()
  orders = await TrackedOrders.open(database.databaseUrl)
})
afterAll(async () => {
  await orders.close()
  await engine.stop()
  await database.drop()
})

const startOver = (): Promise<EngineUnderTest> =>
  startEngine({ limits, databaseUrl: database.databaseUrl, redisUrl: database.redisUrl })

/** Mostly shorter than the order is remembered, often longer, and now and then much longer. */
const awayMs = (random: SeededRandom): number => {
  const draw = random.next()
  return draw < 0.6 ? random.between(0, 60) : draw < 0.95 ? random.between(60, 400) : random.between(400, 4_000)
}

/** A node that is being started again refuses visitors; they come back in the next round. */
const nobodyThere = (cause: unknown): void => {
  if (
    !(
      cause instanceof Error &&
      (/ECONNREFUSED|ECONNRESET|socket hang up/.test(cause.message) || cause instanceof UpgradeRefused)
    )
  )
    throw cause
}

/** Commits events to an order, as fast as the database takes them, until told to stop. */
const commitAlways = (order: PlacedOrder, driver: TestDriver) => {
  let isOn = true
  const done = (async () => {
    while (isOn) {
      await orders.assign(order, driver)
      await orders.unassign(order)
    }
  })()
  return async (): Promise<void> => {
    isOn = false
    await done
  }
}

/** A page that is cut off again and again, and keeps what it was told. */
class CutOffPage {
  readonly held = new FoldedOrder()
  resumed = 0
  begunAnew = 0
  private readonly token: string

  constructor(token: string) {
    this.token = token
  }

  /** Stays away, comes back, reads a while, is cut off; a node that goes may be what cuts it. */
  async visit(frames: number, awayMs: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, awayMs))
    const page = await this.open()
    await until(
      "a few frames",
      () => page.frames.length >= frames || page.closed !== undefined,
      (isOver) => isOver,
      30_000
    )
    this.leave(page)
  }

  /** Comes back and stays until it holds the event of that number. */
  async stay(offset: number): Promise<void> {
    const page = await this.open()
    const seen = (): number =>
      Math.max(
        0,
        ...page.frames
          .map((frame) => Number(frame[0] === TrackingServerFrame.event ? frame[1] : frame[2]))
          .filter(Number.isFinite)
      )
    await until("the last event", seen, (last) => last >= offset, 30_000)
    this.leave(page)
  }

  private async open(): Promise<WireClient> {
    const page = await WireClient.open(`${engine.url}/v1/track`)
    page.send(trackFrame({ token: this.token, epoch: this.held.epoch, offset: this.held.offset }))
    return page
  }

  private leave(page: WireClient): void {
    page.terminate()
    if (page.frames[0]?.[0] === TrackingServerFrame.resumed) this.resumed++
    else if (page.frames[0]?.[0] === TrackingServerFrame.snapshot) this.begunAnew++
    for (const frame of page.frames) this.held.take(frame)
  }
}

it("P14: a customer who is cut off at random moments while events are committed ends with the database's timeline, nothing missing, nothing twice", {
  timeout: 120_000 + cycles * 2_000
}, async () => {
  const seed = promiseSeed()
  const random = new SeededRandom(seed)
  const order = await orders.place()
  const links = await orders.links(order, watchersMax)
  const pages = links.map(({ token }) => new CutOffPage(token))
  const stop = commitAlways(order, await orders.driver())
  let cuts = 0
  let restarts = 0
  while (cuts < cycles) {
    const visitors = pages.slice(0, 1 + random.below(watchersMax))
    const isRestart = cuts >= (restarts + 1) * restartEvery
    const visits = visitors.map((page) => {
      const visit = page.visit(1 + random.below(6), awayMs(random))
      return isRestart ? visit.catch(nobodyThere) : visit
    })
    if (isRestart) {
      restarts++
      await engine.stop()
      engine = await startOver()
    }
    await Promise.all(visits)
    cuts += visitors.length
    if (random.below(10) === 0) {
      await database.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'dropmate-dropmate_orders'"
      )
    }
  }
  await stop()
  const log = await orders.log(order)
  const last = log.findLast(({ type }) => customerEventTypes.has(type))?.offset ?? 0
  await Promise.all(pages.map((page) => page.stay(last)))
  const truth = log.filter(({ type }) => customerEventTypes.has(type))
  reportPromise("P14", {
    seed,
    cuts,
    restarts,
    events: truth.length,
    resumed: pages.reduce((sum, page) => sum + page.resumed, 0),
    begunAnew: pages.reduce((sum, page) => sum + page.begunAnew, 0)
  })
  for (const { held } of pages) {
    expect(held.timeline).toEqual(truth)
    expect(held.repeated).toBe(0)
    expect(held.stage).toBe("scheduled")
  }
})
