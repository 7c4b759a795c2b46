import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Redacted } from "effect"
import pg from "pg"
import { startEmbedded } from "../src/embedded/EmbeddedServices.ts"
import { defaultHomeRoot } from "../src/embedded/Home.ts"
import { migrate, schemaFiles, schemaFolder } from "../src/persistence/Migrations.ts"

/** The diagrams, from the root of the project. */
export const diagramFile = "docs/erd/README.md"

interface Column {
  readonly table: string
  readonly column: string
  readonly type: string
  readonly isRequired: boolean
  readonly key: "PK" | "FK" | "PK, FK" | "UK" | ""
}

interface Reference {
  readonly child: string
  readonly column: string
  readonly parent: string
  readonly isRequired: boolean
  readonly isUnique: boolean
  readonly action: string
}

const columnsSql = `SELECT c.relname AS table, a.attname AS column, replace(replace(format_type(a.atttypid, NULL), ' with time zone', 'tz'), ' ', '_') AS type,
    a.attnotnull AS "isRequired",
    concat_ws(', ',
      CASE WHEN EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p' AND a.attnum = ANY (k.conkey)) THEN 'PK' END,
      CASE WHEN EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f' AND a.attnum = ANY (k.conkey)) THEN 'FK' END) AS key
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY c.relname, a.attnum`

const referencesSql = `SELECT c.relname AS child, a.attname AS column, p.relname AS parent, a.attnotnull AS "isRequired",
    EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) AS "isUnique",
    CASE r.confdeltype WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' ELSE 'NO ACTION' END AS action
  FROM pg_constraint r JOIN pg_class c ON c.oid = r.conrelid JOIN pg_class p ON p.oid = r.confrelid
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = r.conkey[1]
  WHERE r.contype = 'f' AND r.conparentid = 0 AND NOT c.relispartition ORDER BY 1, 2`

const viewsSql = `SELECT c.relname AS name, CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END AS kind,
    coalesce(obj_description(c.oid), '') AS about FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('v', 'm') ORDER BY 1`

const entity = (table: string, columns: ReadonlyArray<Column>): string =>
  [
    `  ${table} {`,
    ...columns.map(({ column, type, isRequired, key }) =>
      ["   ", type.replace(/[^a-z0-9_]/gi, "_"), column, key, isRequired ? "" : '"may be empty"']
        .filter((word) => word !== "")
        .join(" ")
    ),
    "  }"
  ].join("\n")

const arrow = ({ child, column, parent, isRequired, isUnique, action }: Reference): string =>
  `  ${parent} ${isRequired ? "||" : "|o"}--${isUnique ? "o|" : "o{"} ${child} : "${column}, ${action}"`

/** The document, from what a migrated database says of itself: a diagram for each schema file, in their order. */
export const diagramsOf = async (client: pg.Client): Promise<string> => {
  const [columns, references, views, files] = [
    (await client.query<Column>(columnsSql)).rows,
    (await client.query<Reference>(referencesSql)).rows,
    (await client.query<{ readonly name: string; readonly kind: string }>(viewsSql)).rows,
    await Effect.runPromise(schemaFiles(schemaFolder))
  ]
  const tables = [...new Set(columns.map(({ table }) => table))]
  const parts = files.flatMap(({ name, sql }) => {
    const own = tables.filter((table) => new RegExp(`CREATE TABLE ${table} `).test(sql))
    if (own.length === 0) return []
    const arrows = references.filter(({ child }) => own.includes(child)).map(arrow)
    const entities = own.map((table) =>
      entity(
        table,
        columns.filter((column) => column.table === table)
      )
    )
    const about = sql.split("\n")[0]?.replace(/^-- /, "") ?? ""
    return [`## ${name}\n\n${about}\n\n\`\`\`mermaid\nerDiagram\n${[...arrows, ...entities].join("\n")}\n\`\`\``]
  })
  const listed = views.map(({ name, kind }) => `- \`${name}\` (${kind})`).join("\n")
  return `# Entities and references

Made from the catalog of a migrated database by \`npm run docs\`; a test says when it is behind. One diagram for each file of \`db/schema\`; an arrow carries the referring column and what happens to the row when its parent is deleted. Partitions are left out. \`driver_location_events\` has no reference on purpose ([ADR 0003](../adr/0003-cursor-instead-of-foreign-keys.md)).

${parts.join("\n\n")}

## Views

${listed}
`
}

/** Writes the document from a database that is made for it; answers whether it changed. */
export const writeDiagrams = async (projectRoot: string): Promise<boolean> => {
  const root = mkdtempSync(join(tmpdir(), "dropmate-erd-"))
  try {
    const made = Effect.gen(function* () {
      const services = yield* startEmbedded({ root: join(root, "home"), cacheDir: join(defaultHomeRoot, "cache") })
      yield* migrate(Redacted.make(services.postgres.socketUrl))
      return yield* Effect.promise(async () => {
        const client = new pg.Client({ connectionString: services.postgres.socketUrl })
        await client.connect()
        try {
          return await diagramsOf(client)
        } finally {
          await client.end()
        }
      })
    })
    const text = await Effect.runPromise(Effect.scoped(made))
    const file = join(projectRoot, diagramFile)
    mkdirSync(join(projectRoot, "docs/erd"), { recursive: true })
    let before = ""
    try {
      before = readFileSync(file, "utf8")
    } catch {
      // The first time there is none.
    }
    if (before !== text) writeFileSync(file, text)
    return before !== text
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
