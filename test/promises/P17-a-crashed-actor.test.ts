import { Effect } from "effect"
import { expect, it, onTestFinished } from "vitest"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { foldProblems } from "../kit/FoldedShipments.ts"
import { newShipment } from "../kit/PlacedOrder.ts"
import { promiseSeed, promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { adminToken, call, newDriver } from "../kit/RestCaller.ts"
import { type RestOptions, startRest } from "../kit/RestServer.ts"
import { until } from "../kit/Until.ts"

interface Told {
  readonly status: string
  readonly sequence: number
  readonly code?: string
  readonly retryable?: boolean
}

const fleetOf = async (options: RestOptions, shipmentCount: number) => {
  const rest = await startRest(options)
  onTestFinished(() => rest.stop())
  const admin = await adminToken(rest.url)
  const drivers = await Promise.all(Array.from({ length: 4 }, async () => (await newDriver(rest.url, admin)).id))
  const shipments: Array<string> = []
  for (let i = 0; i < shipmentCount; i++) shipments.push((await newShipment(rest.url, admin)).shipmentId)
  const ask = (shipmentId: string, what: string, body: unknown = {}) =>
    call<Told>(rest.url, "POST", `/v1/shipments/${shipmentId}/${what}`, { token: admin, body })
  const metric = async (name: string) => {
    const { text } = await call(rest.url, "GET", "/metrics")
    return Number(new RegExp(`^${name}(?:_total)? (\\d+)`, "m").exec(text)?.[1] ?? 0)
  }
  return { rest, admin, drivers, shipments, ask, metric }
}

it("P17: an actor that crashes comes back with what the database holds, and its siblings do not notice", {
  timeout: 240_000
}, async () => {
  const seed = promiseSeed()
  const random = new SeededRandom(seed)
  const moves = promiseSize({ ci: 1_500, nightly: 20_000 })
  let injected = 0
  const faultAt: RestOptions["faultAt"] = (name) =>
    Effect.suspend(() => {
      // One command of a hundred meets a defect, before it is decided, after it was written, or right after its commit.
      if (name === "shipment.load" || random.next() >= 1 / 300) return Effect.void
      injected++
      return Effect.die(new Error(`injected at ${name}`))
    })
  const limits = { shipmentRestartsPerMinuteMax: 1_000_000 }
  const { rest, admin, drivers, shipments, ask, metric } = await fleetOf({ faultAt, limits }, 20)
  const answers = new Map<string, number>()
  for (let done = 0; done < moves; done += shipments.length) {
    const round = await Promise.all(
      shipments.map((shipmentId) => {
        const what = ["assign", "reassign", "unassign"][random.below(3)] ?? ""
        return ask(shipmentId, what, what === "unassign" ? {} : { driver_id: drivers[random.below(drivers.length)] })
      })
    )
    for (const { status, body } of round) {
      const told = status === 200 ? "taken" : `${status} ${body.code}`
      answers.set(told, (answers.get(told) ?? 0) + 1)
    }
  }
  const crashes = answers.get("503 shipment_unavailable") ?? 0
  expect(injected).toBeGreaterThan(0)
  expect(crashes).toBe(injected)
  expect(
    [...answers.keys()].filter((told) => !/^(taken|409 (illegal|shipment_al)|503 shipment_un)/.test(told))
  ).toEqual([])
  expect(await metric("dropmate_shipment_actor_restarts")).toBeGreaterThanOrEqual(injected)
  expect(await foldProblems(rest.databaseUrl)).toEqual([])
  // What the actors remember now is what the rows say: each takes the one command that its row allows.
  for (const shipmentId of shipments) {
    const { body } = await call<Told>(rest.url, "GET", `/v1/shipments/${shipmentId}`, { token: admin })
    const next = body.status === "dispatching" ? "assign" : "unassign"
    const moved = await until(
      "a command to be taken",
      () => ask(shipmentId, next, next === "assign" ? { driver_id: drivers[0] } : {}),
      ({ status }) => status !== 503
    )
    expect(moved.status).toBe(200)
  }
  reportPromise("P17 defects", { seed, moves, injected, answers: Object.fromEntries(answers) })
})

it("P17: one that crashes again and again is parked with an alarm, and the others go on", async () => {
  let poisoned = ""
  const failing = new Set<string>()
  const faultAt: RestOptions["faultAt"] = (name) =>
    name === "shipment.decided" && failing.has(poisoned) ? Effect.die(new Error("poison")) : Effect.void
  const { drivers, shipments, ask, metric } = await fleetOf({ faultAt }, 2)
  const [bad = "", good = ""] = shipments
  poisoned = bad
  failing.add(bad)
  const told: Array<string> = []
  for (let i = 0; i < 8; i++) {
    const { status, body, headers } = await ask(bad, "assign", { driver_id: drivers[0] })
    told.push(`${status} ${body.code} ${body.retryable} ${headers.get("retry-after")}`)
  }
  expect(told.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => "503 shipment_unavailable true 1"))
  expect(told.slice(5)).toEqual(Array.from({ length: 3 }, () => "503 shipment_unavailable true 60"))
  expect(await metric("dropmate_shipment_actor_parked")).toBeGreaterThanOrEqual(1)
  failing.clear()
  expect((await ask(good, "assign", { driver_id: drivers[0] })).status).toBe(200)
  expect((await ask(bad, "assign", { driver_id: drivers[0] })).status).toBe(503)
})

it("P17: a state that cannot be read fails that command, and the next one reads it again", async () => {
  let isAway = true
  const faultAt: RestOptions["faultAt"] = (name) =>
    name === "shipment.load" && isAway ? Effect.die(new Error("unreadable")) : Effect.void
  const { drivers, shipments, ask, rest } = await fleetOf({ faultAt }, 1)
  const [shipmentId = ""] = shipments
  expect((await ask(shipmentId, "assign", { driver_id: drivers[0] })).status).toBe(503)
  isAway = false
  expect((await ask(shipmentId, "assign", { driver_id: drivers[0] })).status).toBe(200)
  expect(await foldProblems(rest.databaseUrl)).toEqual([])
})

it("P17: a full mailbox answers at once with a time to come back, while what is in it is still waiting", async () => {
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let isHeld = true
  const faultAt: RestOptions["faultAt"] = (name) =>
    name === "shipment.decided" && isHeld ? Effect.promise(() => held) : Effect.void
  const { drivers, shipments, ask, rest } = await fleetOf({ faultAt, limits: { shipmentMailboxMax: 8 } }, 1)
  const [shipmentId = ""] = shipments
  let answered = 0
  const asked = Array.from({ length: 40 }, async () => {
    const answer = await ask(shipmentId, "assign", { driver_id: drivers[0] })
    answered++
    return answer
  })
  // Nobody who is in the mailbox can have an answer before the release: these are the ones who found it full.
  await until(
    "the others' answers",
    () => answered,
    (count) => count >= 31
  )
  isHeld = false
  release()
  const answers = await Promise.all(asked)
  const full = answers.filter(({ status }) => status === 503)
  expect(full.length).toBeGreaterThanOrEqual(31)
  expect(
    new Set(full.map(({ body, headers }) => `${body.code} ${body.retryable} ${headers.get("retry-after")}`))
  ).toEqual(new Set(["shipment_unavailable true 1"]))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(40 - full.length)
  expect(await foldProblems(rest.databaseUrl)).toEqual([])
})
