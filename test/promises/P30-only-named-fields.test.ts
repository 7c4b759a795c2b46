import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { answerShapeOf, bodyShapeOf, closedPlacesIn, takesQuery, unnamedIn } from "../kit/ContractShape.ts"
import { absentThings, type Belongings } from "../kit/Household.ts"
import { plantedQuery, plantIn } from "../kit/PlantedFields.ts"
import { PrivacyRun } from "../kit/PrivacyRun.ts"
import { promiseSeed, promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { type Answer, call } from "../kit/RestCaller.ts"
import { requestsOf, type TriedRequest, type TriedRoute, trialOf, triedRoutes } from "../kit/RouteTrials.ts"
import { RowWatch } from "../kit/RowWatch.ts"
import type { Stranger } from "../kit/Stranger.ts"

// One in a hundred draws names that the contract has, and is not sent.
const casesCount = promiseSize({ ci: 1_000, nightly: 10_200 })
/** Cases between two looks at the whole database. */
const casesALook = 20

const pick = <A>(random: SeededRandom, from: ReadonlyArray<A>): A => {
  const found = from[random.below(from.length)]
  if (found === undefined) throw new Error("nothing to pick from")
  return found
}

/** Members of an answer that the contract does not have, in words. */
const strayIn = (route: TriedRoute, answer: Answer): ReadonlyArray<string> => {
  const [type = ""] = (answer.headers.get("content-type") ?? "").split(";")
  if (answer.text === "" || !type.includes("json")) return []
  const shape = answerShapeOf(route, answer.status, type)
  const where = `${route.name} ${answer.status} ${type}`
  if (shape === undefined) return [`${where}: not in the contract`]
  return unnamedIn(shape, answer.body).map((pointer) => `${where}: ${pointer}`)
}

/** What a planted field did that it may not do, case by case. */
interface Account {
  sent: number
  readonly stray: Array<string>
  readonly accepted: Array<string>
  readonly unnamed: Array<string>
}

describe("P30: only named fields can be set", { timeout: 900_000 }, () => {
  let run: PrivacyRun
  beforeAll(async () => {
    run = await PrivacyRun.begin()
  }, 120_000)
  afterAll(() => run.end())

  // Where nothing can be planted in a body the request itself must be without effect: it is about what does not exist, or
  // when it is about nothing by name, comes without a token.
  const harmless = (things: Belongings): Belongings => {
    const absent = absentThings(things)
    return { ...absent, ids: { ...absent.ids, product: `prd_${randomUUID()}` } }
  }

  const send = (route: TriedRoute, request: TriedRequest, stranger: Stranger, isKnown: boolean): Promise<Answer> => {
    const { path, body, headers } = request
    const isAnonymous = trialOf(route).isAnonymous === true
    return call(run.rest.url, route.method, path, {
      token: isAnonymous || !isKnown ? undefined : stranger.person?.token,
      ...(body === undefined ? {} : { body }),
      headers: { ...(route.method === "POST" ? { "idempotency-key": randomUUID() } : {}), ...headers }
    })
  }

  const tryBody = async (random: SeededRandom, route: TriedRoute, account: Account): Promise<void> => {
    const shape = bodyShapeOf(route)
    const stranger = pick(random, run.strangers)
    const { things } = pick(random, run.households)
    const request = pick(random, requestsOf(route, things))
    const body: unknown = structuredClone(request.body ?? {})
    const places = shape === undefined ? [] : closedPlacesIn(shape, body)
    const planted = plantIn(random, places, Object.values(things.ids))
    if (planted.length === 0) return
    account.sent++
    const answer = await send(route, { ...request, body }, stranger, true)
    const what = `${stranger.name} ${route.method} ${request.path} ${JSON.stringify(body)}: ${answer.status} ${answer.text}`
    if (answer.status < 400 || answer.status >= 500) account.accepted.push(what)
    account.stray.push(...strayIn(route, answer))
    if (answer.status !== 422) return
    const errors = answer.body.errors as ReadonlyArray<{ readonly pointer: string; readonly code: string }>
    const told = errors.filter(({ code }) => code === "unknown_field").map(({ pointer }) => pointer)
    if (planted.some((pointer) => !told.includes(pointer))) account.unnamed.push(what)
  }

  const tryQuery = async (random: SeededRandom, route: TriedRoute, account: Account): Promise<void> => {
    const stranger = pick(random, run.strangers)
    const { things } = pick(random, run.households)
    const isReading = route.method === "GET"
    const request = pick(random, requestsOf(route, isReading ? things : harmless(things)))
    const path = `${request.path}${request.path.includes("?") ? "&" : "?"}${plantedQuery(random)}`
    const body = isReading ? undefined : { role: "admin", status: "delivered" }
    account.sent++
    const answer = await send(route, { ...request, path, body }, stranger, isReading || trialOf(route).names)
    account.stray.push(...strayIn(route, answer))
    const isLate = answer.status < 400 && (takesQuery(route) || !isReading)
    if (isLate || answer.status >= 500)
      account.accepted.push(`${stranger.name} ${route.method} ${path}: ${answer.status} ${answer.text}`)
  }

  it(`${casesCount} requests with members that the contract does not name change nothing, and are told which`, async () => {
    const seed = promiseSeed()
    const random = new SeededRandom(seed)
    const account: Account = { sent: 0, stray: [], accepted: [], unnamed: [] }
    const changed: Array<string> = []
    const watch = await RowWatch.begin(run.town.owner)
    for (let tried = 0; tried < casesCount; tried++) {
      // Each route in turn, so that every one of them is tried however few cases there are.
      const route = triedRoutes[tried % triedRoutes.length] as TriedRoute
      await (bodyShapeOf(route) === undefined ? tryQuery : tryBody)(random, route, account)
      if (tried % casesALook !== casesALook - 1 && tried !== casesCount - 1) continue
      const { gone, made } = await watch.changes()
      changed.push(...[...gone, ...made].map(({ table, row }) => `by case ${tried}: ${table} ${row}`))
    }
    const { stray, accepted, unnamed } = account
    reportPromise("P30", {
      seed,
      requests: account.sent,
      routes: triedRoutes.length,
      changed: changed.length,
      accepted: accepted.length,
      stray: stray.length
    })
    expect(accepted).toEqual([])
    expect(unnamed).toEqual([])
    expect(changed).toEqual([])
    expect([...new Set(stray)]).toEqual([])
    // The server runs in this process: whatever `__proto__` did there would be seen here.
    expect("isPlanted" in {}).toBe(false)
    expect(Object.keys(Object.prototype)).toEqual([])
  })

  it("and what is answered to everybody about their own has the contract's members alone", async () => {
    const stray = new Set<string>()
    const answered = new Set<string>()
    const endsLast = [...triedRoutes].sort((a, b) => Number(a.method !== "GET") - Number(b.method !== "GET"))
    for (const route of endsLast.filter(({ name }) => !name.startsWith("me.end"))) {
      for (const stranger of run.strangers) {
        for (const request of requestsOf(route, stranger.ownThings(route) ?? stranger.other.things)) {
          const answer = await send(route, request, stranger, true)
          if (answer.status < 300) answered.add(route.name)
          for (const each of strayIn(route, answer)) stray.add(each)
        }
      }
    }
    expect([...stray]).toEqual([])
    expect(answered.size).toBeGreaterThan(45)
  })
})
