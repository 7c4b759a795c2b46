import { type Principal, roles } from "../../src/identity/Principal.ts"
import type { RowScope } from "../../src/persistence/RowScope.ts"
import { Findings } from "./Findings.ts"
import { absentThings, type Belongings, type Household, type Person, Town } from "./Household.ts"
import { type Answer, adminToken, call } from "./RestCaller.ts"
import { type RestServer, startRest } from "./RestServer.ts"
import { requestsOf, type TriedRequest, type TriedRoute, trialOf, triedRoutes } from "./RouteTrials.ts"
import { RowWatch } from "./RowWatch.ts"
import { Stranger } from "./Stranger.ts"

// What ends the asker's logins comes last; what takes a thing away comes after what looks at it.
const inOwnOrder = (): ReadonlyArray<TriedRoute> => {
  const isEnding = ({ name }: TriedRoute): boolean => name.startsWith("me.end")
  const groupOf = ({ name }: TriedRoute): string => name.split(".")[0] ?? ""
  const groups = [...new Set(triedRoutes.map(groupOf))].reverse()
  const others = groups.flatMap((group) => triedRoutes.filter((route) => groupOf(route) === group && !isEnding(route)))
  return [...others, ...triedRoutes.filter(isEnding).reverse()]
}

/** An answer without what is the request's: its id, its path, and the ids that it named. */
const shapeOf = ({ status, body }: Answer, things: Belongings): string => {
  const { request_id: _, instance: __, ...rest } = body
  let text = JSON.stringify(rest)
  for (const [kind, id] of Object.entries(things.ids)) text = text.replaceAll(id, kind).replaceAll(id.slice(4), kind)
  return `${status} ${text}`
}

/** One town of two households, and everybody who asks there for what is not theirs. */
export class PrivacyRun {
  readonly rest: RestServer
  readonly town: Town
  readonly households: readonly [Household, Household]
  readonly strangers: ReadonlyArray<Stranger>
  readonly findings = new Findings()
  requests = 0
  private readonly takenIn: { scope: RowScope | undefined }

  private constructor(
    town: Town,
    households: readonly [Household, Household],
    others: ReadonlyArray<Person>,
    takenIn: { scope: RowScope | undefined }
  ) {
    this.rest = town.rest
    this.town = town
    this.households = households
    const people = households.flatMap(({ customer, driver }) => [customer, driver])
    this.strangers = [undefined, ...people, ...others].map((person) => new Stranger(person, households))
    this.takenIn = takenIn
  }

  static async begin(): Promise<PrivacyRun> {
    const takenIn: { scope: RowScope | undefined } = { scope: undefined }
    // However slow the machine is, a household's driver is still near when that is asked.
    const limits = { markerStaleMs: 3_600_000 }
    const rest = await startRest({ limits, scopeOf: (principal: Principal) => takenIn.scope ?? principal })
    const town = await Town.open(rest, await adminToken(rest.url))
    const households = [
      await town.household("Alice", "Dora", 48.2345671),
      await town.household("Bob", "Emil", 47.1234567)
    ] as const
    const staff = [await town.staff("dispatcher"), await town.staff("support"), await town.staff("admin")]
    return new PrivacyRun(town, households, [await town.nobody(), ...staff], takenIn)
  }

  async end(): Promise<void> {
    await this.town.close()
    await this.rest.stop()
  }

  /** Takes the database's wall down, and answers how many tables had it. */
  async disableRowSecurity(): Promise<number> {
    const { owner } = this.town
    const { rows } = await owner.query<{ name: string }>(
      "SELECT relname AS name FROM pg_class WHERE relrowsecurity AND relnamespace = 'public'::regnamespace"
    )
    for (const { name } of rows) await owner.query(`ALTER TABLE "${name}" DISABLE ROW LEVEL SECURITY`)
    // The points' wall is the view's own condition.
    await owner.query("CREATE OR REPLACE VIEW driver_points AS SELECT * FROM driver_location_events")
    return rows.length
  }

  /** Every route for everybody, about what is another's and what is nobody's. What the contract gives to staff is theirs to do. */
  async tryOthers(): Promise<void> {
    const watch = await RowWatch.begin(this.town.owner)
    const anybody = new Stranger(undefined, this.households)
    for (const route of triedRoutes) {
      for (const stranger of this.strangers) {
        if (trialOf(route).isAnonymous === true && stranger.person !== undefined) continue
        const isTheirs = route.isGuarded && !trialOf(route).names && stranger.mayUse(route)
        if (isTheirs || (stranger.reachesAll(route) && route.method !== "GET")) continue
        await this.askAboutOthers(route, stranger, stranger.person?.token)
      }
      const changes = await watch.changes()
      // Who registers makes rows of their own; nothing else of this may change anything.
      if (route.name === "auth.register") this.findings.intruded(anybody, route.name, changes)
      else this.findings.disturbed("somebody", route.name, changes)
    }
  }

  /** Every route for everybody who has something there, about their own: they get it, and nobody else's changes. */
  async tryOwn(): Promise<number> {
    const watch = await RowWatch.begin(this.town.owner)
    let served = 0
    for (const route of inOwnOrder().filter(({ isGuarded }) => isGuarded)) {
      for (const stranger of this.strangers.filter(({ person, isStaff }) => person !== undefined && !isStaff)) {
        const things = stranger.ownThings(route)
        if (things === undefined || (trialOf(route).names && things === stranger.other.things)) continue
        served += await this.askAboutOwn(route, stranger, things)
        const changes = await watch.changes()
        if (stranger.mayUse(route)) this.findings.intruded(stranger, route.name, changes)
        else this.findings.disturbed(stranger.name, route.name, changes)
      }
    }
    return served
  }

  /**
   * Routes with the code taken in: it believes that the asker has every role, or that they are the other with every role, so that
   * each of its checks passes; the rows stay the asker's. `isCodeAlone` names routes that may change what is no person's.
   */
  async tryTakenIn(routes: ReadonlyArray<TriedRoute>, isCodeAlone: (route: TriedRoute) => boolean): Promise<void> {
    const watch = await RowWatch.begin(this.town.owner)
    for (const route of routes) {
      for (const stranger of this.strangers.filter(({ person, isStaff }) => person !== undefined && !isStaff)) {
        const { driver, customer } = stranger.other
        await this.askTakenIn(route, stranger, { ...driver.subject, ...customer.subject })
        // Their own logins are theirs to end, and the trial goes on with them.
        if (!route.name.startsWith("me.end")) await this.askTakenIn(route, stranger, stranger.person?.subject)
        const changes = await watch.changes()
        if (!isCodeAlone(route)) this.findings.intruded(stranger, route.name, changes)
      }
    }
  }

  /** Sends one request as somebody whom the code believes to have every role. */
  async sendTakenIn(person: Person, method: string, path: string, body?: unknown): Promise<Answer> {
    const token = await this.town.tokenOf({ ...person.subject, roles })
    this.takenIn.scope = person.subject
    const answer = await call(this.rest.url, method, path, { token, ...(body === undefined ? {} : { body }) })
    this.takenIn.scope = undefined
    return answer
  }

  private async askTakenIn(
    route: TriedRoute,
    stranger: Stranger,
    believed: Person["subject"] | undefined
  ): Promise<void> {
    if (stranger.person === undefined || believed === undefined) return
    const token = await this.town.tokenOf({ ...believed, roles })
    this.takenIn.scope = stranger.person.subject
    await this.askAboutOthers(route, stranger, token)
    this.takenIn.scope = undefined
  }

  private async askAboutOthers(route: TriedRoute, stranger: Stranger, token: string | undefined): Promise<void> {
    const { things } = stranger.other
    const absent = absentThings(things)
    const twins = requestsOf(route, absent)
    const isCompared = trialOf(route).names && (trialOf(route).about !== "nobody" || !route.isGuarded)
    for (const [index, request] of requestsOf(route, things).entries()) {
      const foreign = await this.send(route, request, token)
      this.findings.answered(stranger.name, route, stranger, foreign)
      const twin = twins[index]
      if (twin === undefined || !isCompared || stranger.reachesAll(route)) continue
      const missing = await this.send(route, twin, token)
      this.findings.compared(stranger.name, route, shapeOf(foreign, things), shapeOf(missing, absent))
    }
  }

  private async askAboutOwn(route: TriedRoute, stranger: Stranger, things: Belongings): Promise<number> {
    let served = 0
    for (const request of requestsOf(route, things)) {
      const answer = await this.send(route, request, stranger.person?.token)
      const { status, body } = answer
      this.findings.answered(`${stranger.name} (own)`, route, stranger, answer)
      // 409: the thing is not in a state for it. A driver is no customer, whatever they may use.
      const isServed = status < 300 || status === 409 || body.code === "idempotency_key_reused"
      const isRefused = status === 403 || status === 404
      const isRight = stranger.mayUse(route) ? isServed || body.code === "not_permitted" : isRefused
      if (!isRight) this.findings.add(`${stranger.name} ${route.name} about their own: ${status} ${answer.text}`)
      if (status < 300) served++
    }
    return served
  }

  private send(route: TriedRoute, request: TriedRequest, token: string | undefined): Promise<Answer> {
    this.requests++
    const { path, body, headers } = request
    return call(this.rest.url, route.method, path, {
      token: trialOf(route).isAnonymous === true ? undefined : token,
      ...(body === undefined ? {} : { body }),
      ...(headers === undefined ? {} : { headers })
    })
  }
}
