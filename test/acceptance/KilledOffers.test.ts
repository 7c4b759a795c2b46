import pg from "pg"
import { expect, it, onTestFinished } from "vitest"
import { DriverClient } from "../../src/client/DriverClient.ts"
import type { Offer } from "../../src/client/DriverEvents.ts"
import { RestClient } from "../../src/client/RestClient.ts"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { DeliveryByRest } from "../kit/DeliveryByRest.ts"
import { foldProblems } from "../kit/FoldedShipments.ts"
import { promiseSeed, promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { freshEmail } from "../kit/RestCaller.ts"
import { processAdmin, ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { until } from "../kit/Until.ts"

const kills = promiseSize({ ci: 3, nightly: 100 })
const asked = 4

/** A driver's app that is started once, and what it was told. Ids are public. */
class AskedDriver {
  readonly driverId: string
  readonly client: DriverClient
  /** Every offer that was told, by shipment, and how those ended that did. */
  readonly offers = new Map<string, Offer>()
  readonly ends = new Map<string, string>()
  told = 0

  private constructor(driverId: string, client: DriverClient) {
    this.driverId = driverId
    this.client = client
    client.on("offer", (offer) => {
      this.told++
      this.offers.set(String(offer.shipment.shipment_id), offer)
    })
    client.on("offerGone", ({ offerId, reason }) => this.ends.set(offerId, reason))
  }

  static async hire(server: ServerProcess): Promise<AskedDriver> {
    const rest = new RestClient({ url: server.url })
    await rest.signIn(processAdmin.email, processAdmin.password)
    const { id } = await rest.createDriver({ email: freshEmail(), name: "Asked" })
    const [token] = await rest.provisionTokens([id])
    const client = new DriverClient({
      url: server.driverUrl("http"),
      token: () => Promise.resolve(token?.access_token ?? ""),
      backoff: { floorMs: 20, baseMs: 50, capMs: 500 }
    })
    onTestFinished(() => client.stop())
    await client.start()
    return new AskedDriver(id, client)
  }

  offerOf(shipmentId: string): Offer {
    const offer = this.offers.get(shipmentId)
    if (offer === undefined) throw new Error(`nothing was told of ${shipmentId}`)
    return offer
  }

  /** What accepting came to: "won", or why not. */
  async accept(shipmentId: string): Promise<string> {
    const { offerId, fencingToken } = this.offerOf(shipmentId)
    const { ok, detail } = await this.client.answerOffer(offerId, fencingToken, true)
    return ok ? "won" : String(detail?.code)
  }
}

const lost = Array.from({ length: asked - 1 }, () => "shipment_already_taken")

/** One kill, with offers open: one that is being answered, one that nobody answers in time, one that is answered afterwards. */
const killOnce = async (
  server: ServerProcess,
  staff: DeliveryByRest,
  drivers: readonly [AskedDriver, ...ReadonlyArray<AskedDriver>],
  random: SeededRandom
) => {
  const { shipmentId: contested } = await staff.order()
  const { shipmentId: kept } = await staff.order()
  const { shipmentId: brief } = await staff.order()
  const driverIds = drivers.map(({ driverId }) => driverId)
  await staff.offer(contested, driverIds, 600)
  await staff.offer(kept, driverIds, 600)
  // Over while the server is down, or after it is back.
  await staff.offer(brief, driverIds, 5 + random.below(15))
  const all = [contested, brief, kept]
  await until(
    "every offer at every driver",
    () => drivers.flatMap(({ offers }) => all.filter((shipmentId) => !offers.has(shipmentId))),
    (missing) => missing.length === 0,
    30_000
  )
  const answers = Promise.all(drivers.map((driver) => driver.accept(contested)))
  const pauseUntil = performance.now() + random.below(60)
  await until(
    "the moment",
    () => performance.now(),
    (now) => now >= pauseUntil
  )
  await server.kill9()
  await server.startAgain()
  const upAtMs = Date.now()
  expect((await answers).sort()).toEqual([...lost, "won"])
  // What nobody answered is open still, and nobody was told of it anew.
  for (const driver of drivers)
    expect(driver.client.offers.map(({ offerId }) => offerId)).toContain(driver.offerOf(kept).offerId)
  expect((await Promise.all(drivers.map((driver) => driver.accept(kept)))).sort()).toEqual([...lost, "won"])
  return { brief, upAtMs, expiresAt: drivers[0].offerOf(brief).expiresAt }
}

/** When the server ended an offer, as often as it did. */
const endingsOf = async (database: pg.Client, shipmentId: string): Promise<ReadonlyArray<number>> => {
  const { rows } = await database.query<{ at: Date }>(
    "SELECT recorded_at AS at FROM shipment_events WHERE shipment_id = $1 AND type = 'shipment.offer_expired'",
    [shipmentId.slice("shp_".length)]
  )
  return rows.map(({ at }) => at.getTime())
}

it("offers outlive a killed server: they end on time or can be accepted, one driver has each shipment and the others are told why", {
  timeout: 120_000 + kills * 60_000
}, async () => {
  const seed = promiseSeed()
  const random = new SeededRandom(seed)
  const { databaseUrl, environment } = await serverServices()
  const server = await ServerProcess.start(environment)
  const staff = await DeliveryByRest.open(server.url)
  const drivers = [
    await AskedDriver.hire(server),
    ...(await Promise.all(Array.from({ length: asked - 1 }, () => AskedDriver.hire(server))))
  ] as const
  const database = new pg.Client({ connectionString: databaseUrl })
  await database.connect()
  onTestFinished(() => database.end())
  const lateMs: Array<number> = []
  for (let killed = 0; killed < kills; killed++) {
    const { brief, upAtMs, expiresAt } = await killOnce(server, staff, drivers, random)
    const [endedAtMs = 0, ...again] = await until(
      "the end of what nobody answered",
      () => endingsOf(database, brief),
      (endings) => endings.length > 0,
      30_000
    )
    expect(again).toEqual([])
    expect(endedAtMs).toBeGreaterThanOrEqual(expiresAt)
    // A server that comes back ends what is over before it says that it is ready.
    lateMs.push(Math.max(0, endedAtMs - Math.max(expiresAt, upAtMs)))
    expect(await Promise.all(drivers.map((driver) => driver.accept(brief)))).toEqual(drivers.map(() => "offer_expired"))
    for (const driver of drivers) expect(driver.ends.get(driver.offerOf(brief).offerId)).toBe("expired")
  }
  expect(drivers.map(({ told }) => told)).toEqual(drivers.map(() => 3 * kills))
  expect(drivers.map(({ client }) => client.offers)).toEqual(drivers.map(() => []))
  const { rows: carried } = await database.query(
    `SELECT count(*)::integer AS offered, count(*) FILTER (WHERE status = 'accepted')::integer AS accepted,
      count(*) FILTER (WHERE status = 'pending')::integer AS pending FROM driver_assignments`
  )
  expect(carried[0]).toEqual({ offered: 3 * asked * kills, accepted: 2 * kills, pending: 0 })
  expect(await foldProblems(databaseUrl)).toEqual([])
  reportPromise("P08 offers over a kill", { seed, kills, drivers: asked, longestLateMs: Math.max(...lateMs) })
})
