import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import { onTestFinished } from "vitest"
import { AccessTokens } from "../../src/identity/AccessTokens.ts"
import type { Role } from "../../src/identity/Principal.ts"
import type { Frame } from "../../src/protocol/FrameCodec.ts"
import { FleetClientFrame } from "../../src/protocol/FrameType.ts"
import type { EngineUnderTest } from "./EngineUnderTest.ts"
import { WireClient } from "./WireClient.ts"

/** A user who signed in; not necessarily staff. Bare UUIDs. */
export interface TestUser {
  readonly userId: string
  readonly sessionId: string
  readonly roles: ReadonlyArray<Role>
}

/** Inserts a user with grants and an auth session. */
export const insertUser = async (engine: EngineUnderTest, ...roles: ReadonlyArray<Role>): Promise<TestUser> => {
  const [userId, sessionId] = [randomUUID(), randomUUID()]
  const primary = roles.find((role) => role === "admin" || role === "driver") ?? "customer"
  await engine.rows(
    `WITH u AS (INSERT INTO users (id, email, name, role) VALUES ($1, $3, 'Dora Dispatch', $4))
     INSERT INTO auth_sessions (id, user_id, kind, expires_at) VALUES ($2, $1, 'provisioned', now() + interval '1 day')`,
    [userId, sessionId, `${userId}@test.example`, primary]
  )
  return { userId, sessionId, roles }
}

/** An access token of the user; a negative life has ended already. */
export const tokenOf = (engine: EngineUnderTest, { userId, sessionId, roles }: TestUser, ttlS = 900): Promise<string> =>
  engine.run(
    Effect.map(
      Effect.flatMap(AccessTokens, (tokens) => tokens.issue({ userId, sessionId, roles: [...roles] }, ttlS)),
      ({ token }) => token
    )
  )

/** Fields of SUBSCRIBE that tests vary. */
export interface FleetSubscribe {
  readonly version?: unknown
  readonly token?: unknown
  readonly view?: unknown
  readonly epoch?: unknown
  readonly offset?: unknown
}

/** SUBSCRIBE of `/v1/fleet`. */
export const fleetFrame = (fields: FleetSubscribe): Frame => [
  FleetClientFrame.subscribe,
  fields.version ?? 1,
  fields.token ?? null,
  fields.view ?? null,
  fields.epoch ?? null,
  fields.offset ?? null
]

/** Opens a socket that ends with the test and says SUBSCRIBE. */
export const watchFleet = async (
  url: string,
  fields: FleetSubscribe,
  options: Parameters<typeof WireClient.open>[1] = {}
): Promise<WireClient> => {
  const console = await WireClient.open(`${url}/v1/fleet`, options)
  onTestFinished(() => console.terminate())
  console.send(fleetFrame(fields))
  return console
}
