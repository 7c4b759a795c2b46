import { randomBytes } from "node:crypto"
import { Problem } from "../../client/Problem.ts"
import { RestClient } from "../../client/RestClient.ts"
import { pause } from "../fleet/ClientFleet.ts"

/** How the accounts of a run reach the server. */
export interface AccountsInput {
  readonly url: string
  readonly retryForMs: number
  readonly fetch: typeof fetch
  /** Makes their addresses differ from those of other runs. */
  readonly runName: string
  readonly signal: AbortSignal
}

const quotaMs = 2_000

/** Registering is not repeated by the client: what became of it is not known. Here a taken address means that it was done. */
const register = async (rest: RestClient, person: Parameters<RestClient["register"]>[0], signal: AbortSignal) => {
  for (;;) {
    try {
      await rest.register(person)
      return
    } catch (cause) {
      if (!(cause instanceof Problem)) throw cause
      if (cause.code === "email_taken") return
      if (!cause.isRetryable) throw cause
      await pause(Math.max(quotaMs, cause.retryAfterMs), signal)
    }
  }
}

/** A new account, signed in. Its password is known to nobody afterwards. `granted` runs before its rights are those of its tokens. */
const newAccount = async (
  input: AccountsInput,
  name: string,
  granted?: (userId: string) => Promise<unknown>
): Promise<RestClient> => {
  const rest = new RestClient(input)
  const email = `${name}-${input.runName}@simulation.dropmate.local`
  const password = randomBytes(18).toString("base64url")
  await register(rest, { email, password, name }, input.signal)
  const { user } = await rest.signIn(email, password)
  if (granted === undefined) return rest
  await granted(user.id)
  await rest.signIn(email, password)
  return rest
}

/** Customers of this run. */
export const customerAccounts = (input: AccountsInput, count: number): Promise<ReadonlyArray<RestClient>> =>
  Promise.all(Array.from({ length: count }, (_, index) => newAccount(input, `customer-${index + 1}`)))

/** Dispatchers of this run: each has a quota of requests of its own. `admin` gives them their role. */
export const dispatcherAccounts = (
  input: AccountsInput,
  admin: RestClient,
  name: string,
  count: number
): Promise<ReadonlyArray<RestClient>> =>
  Promise.all(
    Array.from({ length: count }, (_, index) =>
      newAccount(input, `${name}-${index + 1}`, (userId) =>
        admin.post(`/v1/users/${encodeURIComponent(userId)}/roles`, { role: "dispatcher" })
      )
    )
  )
