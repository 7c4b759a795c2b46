import { Console, Effect, Redacted } from "effect"
import { Command, Flag } from "effect/cli"
import { Passwords } from "../identity/Passwords.ts"
import { migrate } from "../persistence/Migrations.ts"
import { seed } from "../persistence/Seed.ts"
import { databaseUrl } from "./DatabaseUrl.ts"
import { readEnv } from "./InstanceUrls.ts"

/** `dropmate seed`: the baseline rows and the first administrator. */
export const seedCommand = Command.make(
  "seed",
  { json: Flag.Boolean("json").pipe(Flag.withDefault(false), Flag.withDescription("print the report as JSON")) },
  ({ json }) =>
    Effect.gen(function* () {
      const env = yield* readEnv
      const url = yield* databaseUrl
      const passwords = yield* Passwords
      yield* migrate(url)
      const report = yield* seed(url, {
        adminEmail: env.adminEmail,
        adminPassword: env.adminPassword,
        hashPassword: passwords.hash
      })
      // Nothing keeps a generated password: this is the one time it can be read.
      const generated = report.generatedPassword && Redacted.value(report.generatedPassword)
      if (json) return yield* Console.log(JSON.stringify({ ...report, generatedPassword: generated ?? null }))
      yield* Console.log(
        `${report.settingsMade} settings, ${report.flagsMade} feature flags, ${report.samplesMade} sample products and ads made`
      )
      yield* Console.log(`administrator ${report.adminEmail}${report.adminMade ? " made" : " was there"}`)
      if (generated !== undefined) yield* Console.log(`password (shown once): ${generated}`)
    }).pipe(Effect.scoped, Effect.provide(Passwords.layer))
).pipe(
  Command.withDescription(
    "Migrates, then makes the settings, feature flags and the administrator (DROPMATE_ADMIN_EMAIL, DROPMATE_ADMIN_PASSWORD) that are missing."
  )
)
