import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { startEngine } from "../kit/EngineUnderTest.ts"
import { serveEventStream } from "../kit/EventStreamServer.ts"
import { PrivacyRun } from "../kit/PrivacyRun.ts"
import { reportPromise } from "../kit/PromiseSize.ts"
import { routeTrials, trialOf, triedRoutes } from "../kit/RouteTrials.ts"
import { tryDriver, tryEvents, tryFleet, tryPhonesTakenIn, tryTrack } from "../kit/SocketTrials.ts"

// What row security has no say in, besides what is no person's: nobody is known yet, or the secret in the request is all that
// stands for them, and the server looks by itself.
const beforeAnybody: Readonly<Record<string, string>> = {
  "auth.register": "makes an account",
  "auth.login": "looks a password up",
  "auth.refresh": "looks a refresh token up",
  "auth.logout": "ends the session that a token is of",
  // So too /v1/track and /v1/tracking/events; /v1/fleet is everybody's places, and a dispatcher's only.
  "tracking.snapshot": "a link names an order and nobody; whoever has its 256 bits may look",
  "ops.livez": "tells of no person",
  "ops.readyz": "tells of no person",
  "ops.metrics": "tells of no person"
}

// What somebody may do for whom every check of the code passes: products tell of no person.
const codeAlone: ReadonlyArray<string> = ["products.create", "products.update", "products.remove"]

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
      const stream = await serveEventStream(engine)
      onTestFinished(() => stream.stop())
      await tryEvents(run, stream.url)
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

    it("on the phone's socket of a driver whom the code takes them for", async () => {
      await tryPhonesTakenIn(run)
      expect(run.findings.leaks).toEqual([])
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

    it("and on the phone's socket too", async () => {
      const before = run.findings.leaks.length
      await tryPhonesTakenIn(run)
      expect(run.findings.leaks.slice(before).some((leak) => leak.includes("TASKS"))).toBe(true)
      expect(run.findings.leaks.slice(before).some((leak) => leak.includes("DUTY"))).toBe(true)
    })
  })
})
