import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Redacted } from "effect"
import pg from "pg"
import { expect, it } from "vitest"
import { diagramFile, diagramsOf } from "../../scripts/erd.ts"
import { migrate } from "../../src/persistence/Migrations.ts"
import { freshDatabase } from "../kit/TestServices.ts"
import { projectRoot } from "../tidy/Project.ts"

it("the diagrams of the entities are those of the schema (npm run docs writes them)", async () => {
  const database = await freshDatabase()
  const client = new pg.Client({ connectionString: database.url })
  try {
    await Effect.runPromise(migrate(Redacted.make(database.url)))
    await client.connect()
    expect(readFileSync(join(projectRoot, diagramFile), "utf8")).toBe(await diagramsOf(client))
  } finally {
    await client.end()
    await database.drop()
  }
})
