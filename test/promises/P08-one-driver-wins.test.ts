import { expect, it } from "vitest"
import { publicId } from "../../src/domain/Ids.ts"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { DriverClientFrame, DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { DeliveryByRest } from "../kit/DeliveryByRest.ts"
import { foldProblems } from "../kit/FoldedShipments.ts"
import { promiseSeed, promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { WireDriver } from "../kit/WireDriver.ts"

const racers = 50
const triesMax = 20
const races = promiseSize({ ci: 10, nightly: 1_000 })
/** Shipments that the same drivers race for at once: while one waits for its rows there is work for the other. */
const atOnce = 2
/** Races between two words about how far a long trial is. */
const tellEvery = 50

interface Answer {
  readonly ok: boolean
  readonly code: string | undefined
}

/** Waits for the offer of a shipment, and answers it as soon as everybody has theirs. */
const accept = async (driver: WireDriver, shipmentId: string, everybody: Promise<unknown>): Promise<Answer> => {
  const [, offerId, , , token] = await offerOf(driver, shipmentId)
  await everybody
  const id = crypto.randomUUID()
  for (let tries = 1; ; tries++) {
    const before = new Set(driver.frames)
    driver.send([DriverClientFrame.offerReply, id, offerId, token, true, null])
    const [, , ok, detail] = await driver.heard(
      DriverServerFrame.result,
      (frame) => frame[1] === id && !before.has(frame)
    )
    const { code, retryable } = (detail ?? {}) as { readonly code?: string; readonly retryable?: boolean }
    // As an honest app does: a machine that does much else may not decide in time, and says so.
    if (retryable !== true || tries === triesMax) return { ok: ok === true, code }
  }
}

const offerOf = (driver: WireDriver, shipmentId: string) =>
  driver.heard(
    DriverServerFrame.offer,
    (frame) => (frame[3] as { readonly shipment_id?: string }).shipment_id === shipmentId
  )

/** Fifty drivers are offered a shipment and accept at once; answers what each was told. */
const race = async (
  staff: DeliveryByRest,
  drivers: ReadonlyArray<WireDriver>,
  shipmentId: string
): Promise<ReadonlyArray<Answer>> => {
  await staff.offer(
    shipmentId,
    drivers.map(({ driverId }) => publicId("driver", driverId)),
    120
  )
  const everybody = Promise.all(drivers.map((driver) => offerOf(driver, shipmentId)))
  return Promise.all(drivers.map((driver) => accept(driver, shipmentId, everybody)))
}

/** One race from the order on, the drivers in another order each time. */
const raceOnce = async (staff: DeliveryByRest, drivers: ReadonlyArray<WireDriver>, random: SeededRandom) => {
  const order = drivers.map((driver) => [random.next(), driver] as const).sort(([a], [b]) => a - b)
  const { shipmentId } = await staff.order()
  const from = performance.now()
  const answers = await race(
    staff,
    order.map(([, driver]) => driver),
    shipmentId
  )
  const tookMs = performance.now() - from
  await staff.cancel(shipmentId)
  return { answers, tookMs }
}

it("P08: of fifty drivers on two nodes who accept one offer at once exactly one has the shipment, and the others are told why", {
  timeout: 3_600_000
}, async () => {
  const seed = promiseSeed()
  const random = new SeededRandom(seed)
  const { databaseUrl, environment } = await serverServices()
  const near = await ServerProcess.start({ ...environment, NODE_NAME: "near" })
  const far = await ServerProcess.start({ ...environment, NODE_NAME: "far" })
  const drivers = await WireDriver.connect(near, racers, [near, far])
  const staff = await DeliveryByRest.open(near.url)
  const winners = new Map<number, number>()
  const codes = new Map<string, number>()
  const raceMs: Array<number> = []
  const beganAt = performance.now()
  for (let begun = 0; begun < races; begun += atOnce) {
    await staff.stay()
    for (const driver of drivers) driver.frames.length = 0
    const lanes = Array.from({ length: Math.min(atOnce, races - begun) }, () => raceOnce(staff, drivers, random))
    for (const { answers, tookMs } of await Promise.all(lanes)) {
      raceMs.push(tookMs)
      const wins = answers.filter(({ ok }) => ok).length
      winners.set(wins, (winners.get(wins) ?? 0) + 1)
      for (const { ok, code = "none" } of answers) if (!ok) codes.set(code, (codes.get(code) ?? 0) + 1)
    }
    if (begun % tellEvery === 0) process.stderr.write(`P08: ${begun + lanes.length} of ${races} races\n`)
  }
  const eachMs = Math.round((performance.now() - beganAt) / races)
  const folds = await foldProblems(databaseUrl)
  reportPromise("P08", {
    seed,
    races,
    racers,
    nodes: 2,
    atOnce,
    eachMs,
    racesByWinners: Object.fromEntries(winners),
    losersByCode: Object.fromEntries(codes),
    medianMs: Math.round([...raceMs].sort((a, b) => a - b)[raceMs.length >> 1] ?? 0),
    longestMs: Math.round(Math.max(...raceMs)),
    foldProblems: folds.length
  })
  expect(winners).toEqual(new Map([[1, races]]))
  expect(codes).toEqual(new Map([["shipment_already_taken", races * (racers - 1)]]))
  expect(folds).toEqual([])
})
