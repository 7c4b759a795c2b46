import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import {
  DriverClientFrame,
  DriverServerFrame,
  FleetServerFrame,
  TrackingServerFrame
} from "../../src/protocol/FrameType.ts"
import { type EngineUnderTest, startEngine } from "../kit/EngineUnderTest.ts"
import { watchFleet } from "../kit/FleetWatch.ts"
import { absentThings, type Household } from "../kit/Household.ts"
import { PrivacyRun } from "../kit/PrivacyRun.ts"
import { reportPromise } from "../kit/PromiseSize.ts"
import { guessOf, routeTrials, trialOf, triedRoutes } from "../kit/RouteTrials.ts"
import { RowWatch } from "../kit/RowWatch.ts"
import type { Stranger } from "../kit/Stranger.ts"
import { watchOrder } from "../kit/TrackingWatch.ts"
import { helloFrame, WireClient } from "../kit/WireClient.ts"

// What row security has no say in, besides what is no person's: nobody is known yet, or the secret in the request is all that
// stands for them, and the server looks by itself.
const beforeAnybody: Readonly<Record<string, string>> = {
  "auth.register": "makes an account",
  "auth.login": "looks a password up",
  "auth.refresh": "looks a refresh token up",
  "auth.logout": "ends the session that a token is of",
  "tracking.snapshot": "a link names an order and nobody; whoever has its 256 bits may look",
  "ops.livez": "tells of no person",
  "ops.readyz": "tells of no person",
  "ops.metrics": "tells of no person"
}

// What somebody may do for whom every check of the code passes: products tell of no person.
const codeAlone: ReadonlyArray<string> = ["products.create", "products.update", "products.remove"]

const tokenInvalid = 4501
const notPermitted = 4504

/** The fleet's stream for everybody: dispatchers and administrators see it, nobody else sees anything. */
const tryFleet = async (run: PrivacyRun, engine: EngineUnderTest): Promise<void> => {
  for (const stranger of run.strangers) {
    const console = await watchFleet(engine.url, { token: stranger.person?.token ?? "" })
    if (["dispatcher", "admin"].includes(stranger.name)) await console.next(FleetServerFrame.snapshot)
    else {
      expect([tokenInvalid, notPermitted], stranger.name).toContain(await console.closeCode())
      run.findings.heard(stranger.name, "/v1/fleet", stranger, console.frames)
    }
  }
}

/** A tracking stream for tokens that are no link's, and a link for another order than the one it opens. */
const tryTrack = async (run: PrivacyRun, engine: EngineUnderTest): Promise<void> => {
  for (const stranger of run.strangers) {
    const { ids, trackingToken } = stranger.other.things
    const guesses = [guessOf(trackingToken), ids.trackingSession, ids.order, ids.order.slice(4), ""]
    for (const token of [stranger.person?.token ?? "", ...guesses]) {
      const page = await watchOrder(engine.url, { token })
      expect(await page.closeCode(), stranger.name).toBe(tokenInvalid)
      run.findings.heard(stranger.name, "/v1/track", stranger, page.frames)
    }
  }
  for (const stranger of run.strangers.filter(({ person }) =>
    run.households.some(({ customer }) => customer === person)
  )) {
    const [own, other] = [run.households.find(({ customer }) => customer === stranger.person), stranger.other]
    const page = await watchOrder(engine.url, { token: own?.things.trackingToken })
    await page.next(TrackingServerFrame.snapshot)
    page.send([3, other.things.trackingToken])
    expect(await page.closeCode()).toBe(notPermitted)
    run.findings.heard(stranger.name, "/v1/track with their link", stranger, page.frames)
  }
}

/** What a TASK about somebody's assignment is answered, without the ids that it named. */
const taskAnswer = async (phone: WireClient, assignmentId: string): Promise<string> => {
  const id = randomUUID()
  phone.send([DriverClientFrame.task, id, assignmentId, 1, "arrived", Date.now(), {}])
  const [, , ok, detail] = await phone.next(DriverServerFrame.result)
  return JSON.stringify([ok, detail]).replaceAll(assignmentId, "assignment")
}

const tryPhone = async (
  run: PrivacyRun,
  engine: EngineUnderTest,
  stranger: Stranger,
  own: Household
): Promise<void> => {
  const phone = await WireClient.open(`${engine.url}/v1/driver`)
  onTestFinished(() => phone.terminate())
  phone.send(helloFrame({ token: own.driver.token, deviceId: `phone of ${stranger.name}` }))
  const [, , tasks] = await phone.next(DriverServerFrame.tasks)
  expect(JSON.stringify(tasks)).toContain(own.things.ids.assignment)
  const watch = await RowWatch.begin(run.town.owner)
  const { things } = stranger.other
  const foreign = await taskAnswer(phone, things.ids.assignment)
  const absent = await taskAnswer(phone, absentThings(things).ids.assignment)
  expect(foreign).toBe(absent)
  expect(foreign).toContain("assignment_not_found")
  const { gone, made } = await watch.changes()
  // The answer is kept under the command's id, as the asker's.
  const kept = made.filter(({ table }) => table === "driver_commands")
  run.findings.disturbed(stranger.name, "TASK", { gone, made: made.filter((row) => !kept.includes(row)) })
  run.findings.heard(stranger.name, "/v1/driver", stranger, phone.frames)
}

/** A driver's stream for everybody; a driver hears of what they carry, and can do nothing about what another does. */
const tryDriver = async (run: PrivacyRun, engine: EngineUnderTest): Promise<void> => {
  for (const stranger of run.strangers) {
    const own = run.households.find(({ driver }) => driver === stranger.person)
    if (own !== undefined) {
      await tryPhone(run, engine, stranger, own)
      continue
    }
    const phone = await WireClient.open(`${engine.url}/v1/driver`)
    onTestFinished(() => phone.terminate())
    phone.send(helloFrame({ token: stranger.person?.token ?? "" }))
    expect([tokenInvalid, notPermitted], stranger.name).toContain(await phone.closeCode())
    run.findings.heard(stranger.name, "/v1/driver", stranger, phone.frames)
  }
}

describe("P18: nobody reads or changes another's data", { timeout: 300_000 }, () => {
  it("and every route of the contract is tried", () => {
    expect(triedRoutes.map(({ name }) => name).sort()).toEqual(Object.keys(routeTrials).sort())
  })

  describe.each(["both walls", "the code's wall alone"])("with %s", (walls) => {
    let run: PrivacyRun
    beforeAll(async () => {
      run = await PrivacyRun.begin()
      if (walls !== "both walls") expect(await run.disableRowSecurity()).toBeGreaterThan(30)
    })
    afterAll(() => run.end())

    it("on any socket, with a foreign token, a guess or the wrong role", async () => {
      const engine = await startEngine({ databaseUrl: run.rest.databaseUrl })
      onTestFinished(() => engine.drop())
      await tryFleet(run, engine)
      await tryTrack(run, engine)
      await tryDriver(run, engine)
      expect(run.findings.leaks).toEqual([])
    })

    it("on any route, for any role, by a foreign id or an absent one", async () => {
      await run.tryOthers()
      const aboutOthers = run.requests
      const served = await run.tryOwn()
      const { leaks } = run.findings
      const figures = { routes: triedRoutes.length, aboutOthers, aboutOwn: run.requests - aboutOthers, served }
      reportPromise("P18", { walls, ...figures, leaks: leaks.length })
      expect(leaks).toEqual([])
      expect(served).toBeGreaterThan(50)
    })
  })

  describe("with row security alone", () => {
    let run: PrivacyRun
    beforeAll(async () => {
      run = await PrivacyRun.begin()
    })
    afterAll(() => run.end())

    it("on any route, for any role, by a foreign id or an absent one", async () => {
      const routes = triedRoutes.filter(({ name }) => beforeAnybody[name] === undefined)
      await run.tryTakenIn(routes, ({ name }) => codeAlone.includes(name))
      const { leaks } = run.findings
      const figures = { routes: routes.length, aboutOthers: run.requests, leaks: leaks.length }
      reportPromise("P18", { walls: "row security alone", ...figures })
      expect(leaks).toEqual([])
    })

    it("nor do they give themselves a role", async () => {
      for (const { customer, things } of run.households) {
        const answer = await run.sendTakenIn(customer, "POST", `/v1/users/${things.ids.user}/roles`, { role: "admin" })
        expect(answer.status).toBeGreaterThanOrEqual(400)
      }
      const { rows } = await run.town.owner.query("SELECT FROM user_roles WHERE role = 'admin'")
      // The one that was seeded, and the one of the town's staff.
      expect(rows).toHaveLength(2)
    })

    it("and with neither wall the trial sees a leak on every route that reads what is somebody's", async () => {
      await run.disableRowSecurity()
      const reading = triedRoutes.filter(
        (route) => route.method === "GET" && route.isGuarded && trialOf(route).about !== "nobody"
      )
      await run.tryTakenIn(reading, () => true)
      const blind = reading.filter(({ name }) => !run.findings.leaks.some((leak) => leak.includes(` ${name} `)))
      expect(blind.map(({ name }) => name)).toEqual([])
    })
  })
})
