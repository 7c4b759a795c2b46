import { existsSync } from "node:fs"
import { join } from "node:path"
import { Redacted } from "effect"
import type { Home } from "../embedded/Home.ts"
import type { MigrationRefused } from "../persistence/Migrations.ts"
import { databaseAddress } from "../persistence/PgConnection.ts"
import { CommandFailed } from "./CommandFailed.ts"

/** Where a refused database is: embedded in a home, or at a URL. */
export type RefusedDatabase = { readonly dataDir: string } | { readonly url: Redacted.Redacted }

/** The data of a home, if it has a PostgreSQL of its own; else what is at the URL. */
export const refusedDatabase = (home: Pick<Home, "dataDir"> | undefined, url: Redacted.Redacted): RefusedDatabase =>
  home !== undefined && existsSync(join(home.dataDir, "postgres")) ? { dataDir: home.dataDir } : { url }

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

const freshStart = (where: RefusedDatabase): string => {
  if ("dataDir" in where) return `stop every process that uses it, delete the folder ${where.dataDir}, and start again`
  const name = decodeURIComponent(URL.parse(Redacted.value(where.url))?.pathname.slice(1) ?? "")
  return `as its owner, connected to another database of ${databaseAddress(where.url)}, run DROP DATABASE ${quoted(name)} WITH (FORCE); CREATE DATABASE ${quoted(name)}; and start again`
}

/** What a person is told whose database another state of the schema files made: what happened, whom it concerns, and the ways out. */
export const otherSchema = (refused: MigrationRefused, where: RefusedDatabase): CommandFailed => {
  // The files themselves are wrong: no database has to do with it.
  if (refused.reason === "misnamed" || refused.reason === "same_number")
    return new CommandFailed({ message: refused.message, cause: refused })
  const message = [
    `this database was made by another state of DropMate's schema files, and nothing was changed: ${refused.message}.`,
    "No released version is affected: until the first release the files still change, and nothing leads from one state to the next.",
    `To keep the data, go on with the checkout that made it. To begin afresh without the data, ${freshStart(where)}.`
  ].join(" ")
  return new CommandFailed({ message, cause: refused })
}
