import { Effect, Redacted } from "effect"
import type pg from "pg"
import { pendingMigrations } from "../../persistence/Migrations.ts"
import { databaseMessage, pgConnection } from "../../persistence/PgConnection.ts"
import { type Finding, fail, ok, warn } from "./Examination.ts"

const versionMin = 160_000
/** The major versions that every test of the schema runs on. */
const versionsTested = [16, 18]
const partitionDaysAheadMin = 3
const clockSkewMsGood = 1_000
const clockSkewMsMax = 30_000
const roles = ["dropmate_app", "dropmate_writer", "dropmate_jobs", "dropmate_cluster"] as const

/** Looks at PostgreSQL as the schema's owner. Changes nothing. */
export const examineDatabase = (url: string): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.scoped(
    Effect.gen(function* () {
      const secretUrl = Redacted.make(url)
      const client = yield* pgConnection(secretUrl, "dropmate-doctor")
      const look = (check: string, examine: (client: pg.Client) => Promise<Finding>): Effect.Effect<Finding> =>
        Effect.tryPromise(() => examine(client)).pipe(
          Effect.catch((error) =>
            Effect.succeed(fail(check, databaseMessage(error.cause), "see the message of PostgreSQL"))
          )
        )
      return [
        yield* look("postgresql", version),
        yield* migrations(secretUrl),
        yield* look("roles", roleAttributes),
        yield* look("partitions", partitionsAhead),
        yield* look("clock", clockSkew)
      ]
    })
  ).pipe(
    Effect.catchTag("DatabaseUnreachable", (error) =>
      Effect.succeed([fail("postgresql", error.message, "start it, or correct DATABASE_URL")])
    )
  )

const version = async (client: pg.Client): Promise<Finding> => {
  const { rows } = await client.query(
    "SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS name"
  )
  const { number, name } = rows[0]
  const tested = versionsTested.join(" and ")
  if (number < versionMin) return fail("postgresql", name, `16 or newer is needed; tested are ${tested}`)
  const isTested = versionsTested.includes(Math.floor(number / 10_000))
  return ok("postgresql", isTested ? `${name}, a tested version` : `${name}; tested are ${tested}`)
}

const migrations = (url: Redacted.Redacted): Effect.Effect<Finding> =>
  pendingMigrations(url).pipe(
    Effect.map((pending) =>
      pending.length === 0
        ? ok("migrations", "none pending")
        : fail("migrations", `pending: ${pending.join(", ")}`, "run npm run dropmate -- migrate")
    ),
    Effect.catch((error) =>
      Effect.succeed(
        fail(
          "migrations",
          error.message,
          "go on with the checkout that made it, or begin afresh as npm run dropmate -- migrate says"
        )
      )
    )
  )

/** The roles must exist and hold no power that row security would not bind. */
const roleAttributes = async (client: pg.Client): Promise<Finding> => {
  const { rows } = await client.query(
    "SELECT rolname, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb AS is_mighty FROM pg_roles WHERE rolname = ANY($1)",
    [roles]
  )
  const missing = roles.filter((role) => !rows.some((row) => row.rolname === role))
  if (missing.length > 0) return fail("roles", `missing: ${missing.join(", ")}`, "run npm run dropmate -- migrate")
  const mighty = rows.filter((row) => row.is_mighty).map((row) => row.rolname)
  if (mighty.length === 0) return ok("roles", roles.join(", "))
  return fail(
    "roles",
    `too powerful: ${mighty.join(", ")}`,
    "ALTER ROLE ... NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB"
  )
}

const partitionsAhead = async (client: pg.Client): Promise<Finding> => {
  const { rows } = await client.query(
    `SELECT count(*)::int AS days, bool_or(day = 0) AS today
     FROM generate_series(0, 30) AS day
     WHERE to_regclass('driver_location_events_' || to_char((now() AT TIME ZONE 'UTC')::date + day, 'YYYYMMDD')) IS NOT NULL`
  )
  const { days, today } = rows[0]
  const found = today === true ? `today and ${days - 1} days ahead` : "today's is missing"
  if (today === true && days - 1 >= partitionDaysAheadMin) return ok("partitions", found)
  const advice =
    "they are made by a running server, and a missing one on the spot: look for partition errors in its log"
  return today === true ? warn("partitions", found, advice) : fail("partitions", found, advice)
}

const clockSkew = async (client: pg.Client): Promise<Finding> => {
  const before = Date.now()
  const { rows } = await client.query("SELECT extract(epoch FROM clock_timestamp()) * 1000 AS ms")
  const skewMs = Math.round(Number(rows[0].ms) - (before + Date.now()) / 2)
  const found = `PostgreSQL is ${Math.abs(skewMs)} ms ${skewMs < 0 ? "behind" : "ahead"}`
  if (Math.abs(skewMs) <= clockSkewMsGood) return ok("clock", found)
  const advice = "let both machines follow the same time servers"
  return Math.abs(skewMs) <= clockSkewMsMax ? warn("clock", found, advice) : fail("clock", found, advice)
}
