import { createHash } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { publicId } from "../../src/domain/Ids.ts"
import { TrackingServerFrame } from "../../src/protocol/FrameType.ts"
import { type EngineUnderTest, startEngine } from "../kit/EngineUnderTest.ts"
import { promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { type PlacedOrder, TrackedOrders, type TrackingLink } from "../kit/TrackedOrders.ts"
import { watchOrder } from "../kit/TrackingWatch.ts"
import { until } from "../kit/Until.ts"
import type { WireClient } from "../kit/WireClient.ts"

const sockets = promiseSize({ ci: 500, nightly: 1_000 })
/** Of a machine that does much else besides; what is promised is a second, and the figure of each run is printed. */
const closeDeadlineMs = 15_000
/** Long enough for all sockets to be there before their link expires. */
const shortLinkMs = 20_000
const openedAtOnce = 50

let engine: EngineUnderTest
let orders: TrackedOrders

beforeAll(async () => {
  engine = await startEngine({ limits: { trackingGraceMs: 2_000 } })
  orders = await TrackedOrders.open(engine.databaseUrl)
})
afterAll(async () => {
  await orders.close()
  await engine.drop()
})

/** Opens a socket for each link, some at a time: it is their end that is tried. */
const watchAll = async (
  links: ReadonlyArray<TrackingLink>,
  url: string = engine.url
): Promise<ReadonlyArray<WireClient>> => {
  const pages: Array<WireClient> = []
  for (let from = 0; from < links.length; from += openedAtOnce) {
    const some = links.slice(from, from + openedAtOnce)
    const opened = await Promise.all(some.map(({ token }) => watchOrder(url, { token })))
    await Promise.all(opened.map((page) => page.next(TrackingServerFrame.snapshot)))
    pages.push(...opened)
  }
  return pages
}

/** Every page's close code, once all are closed, and when (this machine's clock, which is the server's too). */
const closes = async (pages: ReadonlyArray<WireClient>) => {
  await until(
    "the close of every socket",
    () => pages.filter(({ closed }) => closed === undefined).length,
    (open) => open === 0,
    shortLinkMs + closeDeadlineMs
  )
  return { codes: new Set(pages.map(({ closed }) => closed?.code)), at: Date.now() }
}

const onTheWay = async (): Promise<PlacedOrder> => orders.onTheWay(await orders.driver())

describe(`P20: of ${sockets} sockets of links that are dead none stays open`, { timeout: 120_000 }, () => {
  it("when it expires", async () => {
    const order = await onTheWay()
    const links = await orders.links(order, sockets, shortLinkMs)
    const pages = await watchAll(links)
    const [row] = await engine.rows<{ at: Date }>(
      "SELECT max(expires_at) AS at FROM tracking_sessions WHERE order_id = $1",
      [order.orderId]
    )
    const { codes, at } = await closes(pages)
    const lateMs = at - (row?.at.getTime() ?? 0)
    reportPromise("P20 expiry", { sockets, lateMs })
    expect(codes).toEqual(new Set([4507]))
    expect(lateMs).toBeGreaterThanOrEqual(0)
  })

  it("when it is revoked", async () => {
    const links = await orders.links(await onTheWay(), sockets)
    const pages = await watchAll(links)
    await orders.revoke(...links)
    const revokedAt = Date.now()
    const { codes, at } = await closes(pages)
    reportPromise("P20 revocation", { sockets, lateMs: at - revokedAt })
    expect(codes).toEqual(new Set([4508]))
  })

  it("when the delivery is complete and the grace is over", async () => {
    const order = await onTheWay()
    const pages = await watchAll(await orders.links(order, sockets))
    await orders.report(order, "arrived", "delivered")
    const [row] = await engine.rows<{ at: Date }>("SELECT ended_at AS at FROM orders WHERE id = $1", [order.orderId])
    const { codes, at } = await closes(pages)
    const lateMs = at - (row?.at.getTime() ?? 0) - engine.limits.trackingGraceMs
    reportPromise("P20 completion", { sockets, lateMs })
    expect(codes).toEqual(new Set([4506]))
    expect(lateMs).toBeGreaterThanOrEqual(0)
  })
})

it.each([-5_000, 5_000])(
  "P20: a link dies when it is over by the clock of the node, %i ms beside the database's, and when it is revoked",
  {
    timeout: 200_000
  },
  async (clockOffsetMs) => {
    const { databaseUrl, environment } = await serverServices()
    const server = await ServerProcess.start({ ...environment, DROPMATE_CLOCK_OFFSET_MS: String(clockOffsetMs) })
    const kept = await TrackedOrders.open(databaseUrl)
    onTestFinished(() => kept.close())
    const order = await kept.place()
    const url = server.url.replace("http:", "ws:")
    const revoked = await kept.links(order, 50)
    const toRevoke = await watchAll(revoked, url)
    const lasting = await watchAll(await kept.links(order, 1), url)
    const ending = await watchAll(await kept.links(order, 50, shortLinkMs), url)
    await kept.revoke(...revoked)
    const revokedAt = Date.now()
    const afterRevocation = await closes(toRevoke)
    const rows = await kept.client.query<{ at: Date }>(
      "SELECT min(expires_at) AS at FROM tracking_sessions WHERE order_id = $1",
      [order.orderId]
    )
    const expiresAt = rows.rows[0]?.at.getTime() ?? 0
    const afterExpiry = await closes(ending)
    const lateMs = afterExpiry.at + clockOffsetMs - expiresAt
    reportPromise("P20 clock", { clockOffsetMs, revocationMs: afterRevocation.at - revokedAt, expiryMs: lateMs })
    expect(afterRevocation.codes).toEqual(new Set([4508]))
    expect(afterExpiry.codes).toEqual(new Set([4507]))
    expect(lateMs).toBeGreaterThanOrEqual(0)
    for (const page of lasting) expect(page.closed).toBeUndefined()
  }
)

it("P20: a link opens its own order and nothing else, and a guess opens nothing", async () => {
  const [own, other] = [await onTheWay(), await onTheWay()]
  const link = await orders.link(own)
  const [page] = await watchAll([link])
  page?.send([3, (await orders.link(other)).token])
  expect(await page?.closeCode()).toBe(4504)
  expect(JSON.stringify(page?.frames)).not.toContain(publicId("order", other.orderId))
  const guesses = [
    link.token.slice(0, -1),
    `${link.token}x`,
    link.token.toUpperCase(),
    link.sessionId,
    publicId("order", own.orderId),
    ""
  ]
  for (const token of guesses) {
    const guess = await watchOrder(engine.url, { token })
    expect(await guess.closeCode()).toBe(4501)
    expect(guess.of(TrackingServerFrame.snapshot)).toEqual([])
  }
})

it("P20: a link's token is kept as its hash alone, and stands in no log line of a server that took it and refused it", {
  timeout: 120_000
}, async () => {
  const { databaseUrl, environment } = await serverServices()
  const server = await ServerProcess.start({ ...environment, LOG_LEVEL: "Trace" })
  const kept = await TrackedOrders.open(databaseUrl)
  onTestFinished(() => kept.close())
  const order = await kept.place()
  const [good, revoked] = await kept.links(order, 2)
  if (good === undefined || revoked === undefined) throw new Error("no links")
  await kept.revoke(revoked)
  const url = server.url.replace("http:", "ws:")
  const headers = (token: string) => ({ authorization: `Bearer ${token}` })
  await (await watchOrder(url, { token: good.token })).next(TrackingServerFrame.snapshot)
  expect(await (await watchOrder(url, { token: revoked.token })).closeCode()).toBe(4508)
  const stream = await fetch(`${server.url}/v1/tracking/events`, { headers: headers(good.token) })
  expect(stream.status).toBe(200)
  await stream.body?.cancel()
  const refused = await fetch(`${server.url}/v1/tracking/events`, { headers: headers(revoked.token) })
  expect(refused.status).toBe(410)
  // In a URL it is not even looked at.
  expect((await fetch(`${server.url}/v1/tracking/events?token=${good.token}`)).status).toBe(401)
  const rows = await kept.client.query<{ row: string }>("SELECT tracking_sessions::text AS row FROM tracking_sessions")
  for (const { token } of [good, revoked]) {
    expect(rows.rows.some(({ row }) => row.includes(createHash("sha256").update(token).digest("hex")))).toBe(true)
    expect(rows.rows.some(({ row }) => row.includes(token) || row.includes(Buffer.from(token).toString("hex")))).toBe(
      false
    )
    expect(server.log().filter(({ text }) => text.includes(token))).toEqual([])
  }
})
