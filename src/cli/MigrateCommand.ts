import { Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { openHome } from "../embedded/Home.ts"
import { MigrationListener, type MigrationProgress, migrate } from "../persistence/Migrations.ts"
import { databaseUrl } from "./DatabaseUrl.ts"
import { readEnv } from "./InstanceUrls.ts"
import { otherSchema, refusedDatabase } from "./OtherSchema.ts"

const tellProgress = ({ name, position, of, durationMs }: MigrationProgress): void => {
  if (durationMs !== undefined)
    process.stderr.write(`dropmate: ${position}/${of} ${name} in ${Math.round(durationMs)} ms\n`)
}

/** `dropmate migrate`: brings the schema up to date. */
export const migrateCommand = Command.make(
  "migrate",
  { json: Flag.Boolean("json").pipe(Flag.withDefault(false), Flag.withDescription("print the report as JSON")) },
  ({ json }) =>
    Effect.gen(function* () {
      const env = yield* readEnv
      const url = yield* databaseUrl
      const home =
        env.databaseUrl === undefined ? yield* openHome({ root: env.home, cacheDir: env.cacheDir }) : undefined
      const report = yield* migrate(url).pipe(
        Effect.catchTag("MigrationRefused", (refused) => Effect.fail(otherSchema(refused, refusedDatabase(home, url))))
      )
      if (json) return yield* Console.log(JSON.stringify(report))
      yield* Console.log(`${report.applied.length} applied, ${report.alreadyApplied} were applied before`)
    }).pipe(Effect.scoped, Effect.provideService(MigrationListener, tellProgress))
).pipe(Command.withDescription("Applies the files of db/schema that were not applied yet, in order."))
