import { afterAll, beforeAll, expect, it } from "vitest"
import { customerEventTypes } from "../../src/domain/CustomerEvent.ts"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { TrackingServerFrame } from "../../src/protocol/FrameType.ts"
import { type EngineUnderTest, startEngine, type TestDriver } from "../kit/EngineUnderTest.ts"
import { promiseSeed, promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { type PlacedOrder, TrackedOrders } from "../kit/TrackedOrders.ts"
import { FoldedOrder, trackFrame } from "../kit/TrackingWatch.ts"
import { until } from "../kit/Until.ts"
import { WireClient } from "../kit/WireClient.ts"

const cycles = promiseSize({ ci: 100, nightly: 1_000 })
const watchersMax = 5

let engine: EngineUnderTest
let orders: TrackedOrders

// Orders are forgotten as soon as nobody watches, so that some returns are met from memory and some from the database.
const limits = { trackLingerMs: 40, noticeReconnectMs: 50, trackIntervalMsMin: 200 }

beforeAll(async () => {
  engine = await startEngine({ limits })
  orders = await TrackedOrders.open(engine.databaseUrl)
})
afterAll(async () => {
  await orders.close()
  await engine.drop()
})

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

  /** Comes back, reads a while, is cut off. */
  async visit(frames: number): Promise<void> {
    const page = await this.open()
    await until(
      "a few frames",
      () => page.frames.length,
      (length) => length >= frames
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
    await until("the last event", seen, (last) => last >= offset)
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
    else this.begunAnew++
    for (const frame of page.frames) this.held.take(frame)
  }
}

it("P14: a customer who is cut off at random moments while events are committed ends with the database's timeline, nothing missing, nothing twice", {
  timeout: 60_000 + cycles * 500
}, async () => {
  const seed = promiseSeed()
  const random = new SeededRandom(seed)
  const order = await orders.place()
  const links = await orders.links(order, watchersMax)
  const pages = links.map(({ token }) => new CutOffPage(token))
  const stop = commitAlways(order, await orders.driver())
  let cuts = 0
  while (cuts < cycles) {
    const visitors = pages.slice(0, 1 + random.below(watchersMax))
    await Promise.all(visitors.map((page) => page.visit(1 + random.below(6))))
    cuts += visitors.length
    if (random.below(10) === 0) {
      await engine.rows(
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
