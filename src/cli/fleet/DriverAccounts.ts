import { createHash } from "node:crypto"
import { Problem } from "../../client/Problem.ts"
import type { RestClient } from "../../client/RestClient.ts"
import type { TokenProvider } from "../../client/TokenSource.ts"

/** A driver that a command plays. */
export interface PlayedDriver {
  /** Stable, so that a second run finds the same driver again. */
  readonly email: string
  readonly name: string
  readonly vehicle?: { readonly type: string }
}

const requestsAtOnceMax = 16
const tokensPerRequestMax = 1_000
const driversPerPage = 200
/** Clients that reconnect together ask for tokens together: one request serves all that ask within this. */
const gatherMs = 20

/** An e-mail address that stands for `name` within `domain`, the same in every run. */
export const stableEmail = (name: string, domain: string): string => {
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40)
  // What was lost on the way must still tell two names apart.
  const local = plain === name.toLowerCase() && plain !== "" ? plain : `${plain}-${digest(name)}`.replace(/^-/, "")
  return `${local}@${domain}`
}

const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 10)

/** A driver that the server knows. */
export interface KnownDriver {
  readonly id: string
  /** Was there before: may have a place, and shipments. */
  readonly isOld: boolean
}

/** The drivers, in the given order; those that do not exist are made. `told` hears how many are ready. */
export const ensureDrivers = async (
  rest: RestClient,
  drivers: ReadonlyArray<PlayedDriver>,
  told: (ready: number) => void
): Promise<ReadonlyArray<KnownDriver>> => {
  const known = new Array<KnownDriver | undefined>(drivers.length)
  let directory: Promise<ReadonlyMap<string, string>> | undefined
  let next = 0
  let ready = 0
  const work = async (): Promise<void> => {
    for (let index = next++; index < drivers.length; index = next++) {
      const driver = drivers[index]
      if (driver === undefined) return
      known[index] = await createDriver(rest, driver, () => {
        directory ??= driversByEmail(rest)
        return directory
      })
      told(++ready)
    }
  }
  await Promise.all(Array.from({ length: requestsAtOnceMax }, work))
  return known.filter((driver) => driver !== undefined)
}

const createDriver = async (
  rest: RestClient,
  driver: PlayedDriver,
  directory: () => Promise<ReadonlyMap<string, string>>
): Promise<KnownDriver> => {
  try {
    return { id: (await rest.createDriver(driver)).id, isOld: false }
  } catch (cause) {
    if (!(cause instanceof Problem) || cause.status !== 409) throw cause
    const id = (await directory()).get(driver.email)
    if (id === undefined) throw cause
    return { id, isOld: true }
  }
}

const driversByEmail = async (rest: RestClient): Promise<ReadonlyMap<string, string>> => {
  const ids = new Map<string, string>()
  let cursor: string | null = null
  do {
    const page = await rest.listDrivers({ limit: driversPerPage, cursor: cursor ?? undefined })
    for (const driver of page.data) if (driver.email !== undefined) ids.set(driver.email, driver.id)
    cursor = page.next_cursor
  } while (cursor !== null)
  return ids
}

interface Waiter {
  readonly answer: (token: string) => void
  readonly fail: (cause: unknown) => void
}

/** Provisions tokens for many drivers, a thousand to a request, whoever asks when. */
export class TokenDesk {
  private readonly rest: RestClient
  private waiting = new Map<string, Array<Waiter>>()
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(rest: RestClient) {
    this.rest = rest
  }

  /** The token provider of one driver. */
  providerOf(driverId: string): TokenProvider {
    return () =>
      new Promise((answer, fail) => {
        const waiters = this.waiting.get(driverId) ?? []
        waiters.push({ answer, fail })
        this.waiting.set(driverId, waiters)
        this.timer ??= setTimeout(() => this.handOut(), gatherMs)
      })
  }

  private handOut(): void {
    this.timer = undefined
    const asked = [...this.waiting]
    this.waiting = new Map()
    for (let from = 0; from < asked.length; from += tokensPerRequestMax) {
      const part = new Map(asked.slice(from, from + tokensPerRequestMax))
      this.rest.provisionTokens([...part.keys()]).then(
        (tokens) => {
          for (const { driver_id, access_token } of tokens) {
            for (const waiter of part.get(driver_id) ?? []) waiter.answer(access_token)
            part.delete(driver_id)
          }
          for (const [driverId, waiters] of part) {
            for (const waiter of waiters) waiter.fail(new Error(`the server gave no token for ${driverId}`))
          }
        },
        (cause) => {
          for (const waiters of part.values()) for (const waiter of waiters) waiter.fail(cause)
        }
      )
    }
  }
}
