import { Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { MigrationListener, type MigrationProgress, migrate } from "../persistence/Migrations.ts"
import { databaseUrl } from "./DatabaseUrl.ts"

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
      const report = yield* migrate(yield* databaseUrl)
      if (json) return yield* Console.log(JSON.stringify(report))
      yield* Console.log(`${report.applied.length} applied, ${report.alreadyApplied} were applied before`)
    }).pipe(Effect.scoped, Effect.provideService(MigrationListener, tellProgress))
).pipe(Command.withDescription("Applies the files of db/schema that were not applied yet, in order."))
