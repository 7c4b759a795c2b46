import { isPermitted, type Role } from "../../src/identity/Principal.ts"
import type { Belongings, Household, Person } from "./Household.ts"
import { type TriedRoute, trialOf } from "./RouteTrials.ts"
import type { RowChanges } from "./RowWatch.ts"

const bareIn = (ids: Belongings["ids"]): ReadonlyArray<string> => Object.values(ids).map((id) => id.slice(4))

/** Somebody who asks for what may not be theirs, and by what it is told whether they got it. */
export class Stranger {
  readonly name: string
  readonly person: Person | undefined
  /** Whose things they ask for. */
  readonly other: Household
  private readonly household: Household | undefined
  private readonly town: ReadonlyArray<Household>

  /** Without a person: who sends no token. */
  constructor(person: Person | undefined, town: readonly [Household, Household]) {
    this.person = person
    this.name = person?.name ?? "anonymous"
    this.town = town
    this.household = town.find(({ customer, driver }) => person === customer || person === driver)
    this.other = this.household === town[0] ? town[1] : town[0]
  }

  private get roles(): ReadonlySet<Role> {
    return new Set(this.person?.subject.roles ?? [])
  }

  get isStaff(): boolean {
    return ["dispatcher", "support", "admin"].some((role) => this.roles.has(role as Role))
  }

  /** What of theirs a route may be about; undefined when they have nothing of the kind. */
  ownThings(route: TriedRoute): Belongings | undefined {
    const { about } = trialOf(route)
    const { household, person } = this
    if (about === "nobody" || about === "user") return household?.things ?? this.other.things
    return person !== undefined && household?.[about] === person ? household.things : undefined
  }

  /** Whether the contract lets them in, to their own things or to all. */
  mayUse(route: TriedRoute): boolean {
    if (!route.isGuarded) return true
    if (this.person === undefined) return false
    const { rule } = route
    if (rule === undefined || isPermitted({ ...nobody, roles: this.roles }, rule.permission)) return true
    return rule.orOwnDriver === true && this.household?.driver === this.person
  }

  /** Whether the contract gives them everybody's: nothing that the route tells is a leak then. */
  reachesAll(route: TriedRoute): boolean {
    const personal = route.rule === undefined || route.rule.permission === "customers.own"
    return this.isStaff && !personal && this.mayUse(route)
  }

  /** Texts and ids of others that stand in an answer. A customer's driver is another, a driver's customer is not. */
  leaksIn(answer: string): ReadonlyArray<string> {
    const others = this.town.filter((household) => household !== this.household)
    const ids = others.flatMap(({ things }) => bareIn(things.ids).filter((id) => !this.isShared(id)))
    return [...this.secretsOfOthers, ...ids].filter((text) => answer.includes(text))
  }

  /** Rows of others that changed, and new rows that speak of others. */
  intrusionsIn({ gone, made }: RowChanges): ReadonlyArray<string> {
    const mine = [...Object.values(this.person?.subject ?? {}), ...bareIn(this.household?.things.ids ?? noIds)].filter(
      (text): text is string => typeof text === "string" && !this.isShared(text)
    )
    const taken = gone.filter(({ row }) => !mine.some((id) => row.includes(id)))
    const written = made.filter(({ row }) => this.leaksIn(row).length > 0)
    return [...taken, ...written].map(({ table, row }) => `${table} ${row}`)
  }

  private get secretsOfOthers(): ReadonlyArray<string> {
    return this.town.flatMap((household) => {
      const { customer, driver } = household
      if (household !== this.household) return [...customer.secrets, ...driver.secrets]
      return this.person === customer ? driver.secrets : []
    })
  }

  private isShared(id: string): boolean {
    return this.town.every(({ things }) => things.ids.product.endsWith(id))
  }
}

const noIds = {} as Belongings["ids"]
const nobody = { userId: "", sessionId: "", issuedAtMs: 0, expiresAtMs: 0 }
