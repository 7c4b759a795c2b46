import {
  isNoSubstitutionTemplateLiteral,
  isStringLiteral,
  isTaggedTemplateExpression,
  isTemplateExpression
} from "typescript/unstable/ast/is"
import { type Project, treesIn } from "./Project.ts"
import type { Offence, Rule } from "./Rule.ts"
import { importsOf, lineOf, nodesOf, type SourceTree, targetOf } from "./SourceTree.ts"

/** A folder may import from itself and from folders before it (docs/ARCHITECTURE.md). */
const order = [
  "domain",
  "config",
  "protocol",
  "persistence",
  "identity",
  "processors",
  "realtime",
  "actors",
  "jobs",
  "http",
  "gateway",
  "embedded",
  "cli",
  "main.ts"
]

/** The client is for phones and browsers as well: it may not drag the server along. */
const clientMayImport = new Set(["client", "protocol", "domain"])
const mayImportClient = new Set(["client", "cli"])

const folderOf = (path: string): string => path.split("/")[1] ?? ""

const mayImport = (from: string, to: string): boolean => {
  if (from === "client") return clientMayImport.has(to)
  if (to === "client") return mayImportClient.has(from)
  return order.includes(from) && order.includes(to) && order.indexOf(to) <= order.indexOf(from)
}

const importDirection: Rule = {
  says: "a folder of src imports only from folders to its left",
  instead: `move what is shared to the left (${order.join(" <- ")}; client imports only domain and protocol)`,
  offences: (project) =>
    treesIn(project, "src").flatMap((tree) =>
      importsOf(tree).flatMap(({ module, node }) => {
        const target = targetOf(tree.path, module)
        if (target === undefined) return []
        const isAllowed = target.startsWith("src/") && mayImport(folderOf(tree.path), folderOf(target))
        return isAllowed ? [] : [{ path: tree.path, line: lineOf(tree, node), what: `imports ${target}` }]
      })
    ),
  breach: {
    "src/domain/A.ts": 'import { b } from "../http/B.ts"\nexport const a = b',
    "src/http/B.ts": "export const b = 1"
  }
}

interface PackageHome {
  readonly module: RegExp
  readonly folders: ReadonlyArray<string>
  /** Files elsewhere that need it, and why. */
  readonly besides: Readonly<Record<string, string>>
}

/** Packages that only one folder may know, so that each can be exchanged there. */
const packageHomes: ReadonlyArray<PackageHome> = [
  { module: /^uWebSockets\.js$/, folders: ["gateway"], besides: {} },
  { module: /^bullmq$/, folders: ["jobs"], besides: {} },
  {
    module: /^(pg|pg-copy-streams|@effect\/sql-pg)$/,
    folders: ["persistence"],
    besides: { "src/embedded/EmbeddedPostgres.ts": "asks the server that it starts whether it answers" }
  },
  {
    module: /^ioredis$/,
    folders: ["persistence"],
    besides: { "src/cli/doctor/RedisExamination.ts": "doctor looks at a server that may be unusable for the product" }
  },
  { module: /^stripe$/, folders: ["processors"], besides: {} },
  { module: /^argon2$|^@node-rs\/argon2$|^jose$/, folders: ["identity"], besides: {} }
]

const packageHomesKept: Rule = {
  says: "uWebSockets.js, bullmq, pg, ioredis, stripe and the libraries of identity are each known to one folder of src",
  instead: "ask the folder that owns the package (gateway, jobs, persistence, processors, identity)",
  offences: (project) =>
    treesIn(project, "src").flatMap((tree) =>
      importsOf(tree).flatMap(({ module, isTypeOnly, node }) => {
        const home = packageHomes.find((candidate) => candidate.module.test(module))
        if (home === undefined || isTypeOnly || home.folders.includes(folderOf(tree.path)) || tree.path in home.besides)
          return []
        return [{ path: tree.path, line: lineOf(tree, node), what: `imports ${module}` }]
      })
    ),
  breach: { "src/http/A.ts": 'import { App } from "uWebSockets.js"\nexport const a = App' }
}

/** SQL outside persistence, and why. */
const sqlElsewhere: Readonly<Record<string, string>> = {
  "src/jobs/PartitionKeeper.ts": "calls ensure_telemetry_day, which is the whole of its work",
  "src/http/ops/Readiness.ts": "SELECT 1 asks whether the database answers",
  "src/embedded/EmbeddedPostgres.ts": "makes the database of the server that it starts, before there is a schema",
  "src/cli/doctor/DatabaseExamination.ts": "doctor reads the catalog, also of a database that cannot serve"
}

const sqlText =
  /^\s*(?:WITH\s+\w+\s+AS\b|SELECT\s+\S|INSERT\s+INTO\s|UPDATE\s+\w+\s+(?:AS\s+\w+\s+)?SET\s|DELETE\s+FROM\s|COPY\s+\w+|(?:CREATE|ALTER|DROP)\s+(?:TABLE|DATABASE|ROLE|INDEX)\s)/

const sqlIn = (tree: SourceTree): ReadonlyArray<Offence> => {
  const found: Array<Offence> = []
  for (const node of nodesOf(tree.file)) {
    const isText = isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node) || isTemplateExpression(node)
    const isSql = isText
      ? sqlText.test(node.getText(tree.file).slice(1))
      : isTaggedTemplateExpression(node) && node.tag.getText(tree.file) === "sql"
    if (isSql) found.push({ path: tree.path, line: lineOf(tree, node), what: "contains SQL" })
  }
  return found
}

const hasSql = (project: Project, path: string): boolean => {
  const tree = project.trees.get(path)
  return tree !== undefined && sqlIn(tree).length > 0
}

const sqlInPersistence: Rule = {
  says: "SQL stands in persistence",
  instead: "write a method of a repo in src/persistence and call it",
  offences: (project) =>
    treesIn(project, "src")
      .filter(({ path }) => folderOf(path) !== "persistence" && !(path in sqlElsewhere))
      .flatMap(sqlIn),
  breach: {
    "src/http/A.ts": 'export const a = "SELECT id FROM users"',
    "src/jobs/B.ts": "declare const sql: any\nexport const b = sql`x`"
  }
}

const noIdleExceptions: Rule = {
  says: "each exception to the rule about SQL is still needed",
  instead: "take the file out of `sqlElsewhere`",
  offences: (project) =>
    Object.keys(sqlElsewhere)
      .filter((path) => !hasSql(project, path))
      .map((path) => ({ path: "test/tidy/ImportRules.ts", line: 1, what: `${path} contains no SQL` })),
  breach: { "src/http/ops/Readiness.ts": "export const a = 1" }
}

/** Who reads on the pool whose statements see every row, for nobody in particular (ADR 0016). */
const systemReaders: ReadonlyArray<string> = [
  "src/persistence/Database.ts",
  "src/persistence/drivers/FleetRepo.ts",
  "src/persistence/drivers/MarkerRepo.ts",
  "src/persistence/tracking/TrackedReading.ts",
  "src/persistence/tracking/TrackingRepo.ts"
]

const systemReadersKnown: Rule = {
  says: "only the repos of the live map and of tracking read on the system's pool, which sees every row",
  instead: "read in a row scope, or decide it in ADR 0016 and name the repo in `systemReaders`",
  offences: (project) =>
    treesIn(project, "src")
      .filter(({ path }) => !systemReaders.includes(path))
      .flatMap((tree) =>
        importsOf(tree).flatMap(({ isTypeOnly, node }) =>
          !isTypeOnly && /\bSystemDatabase\b/.test(node.getText(tree.file))
            ? [{ path: tree.path, line: lineOf(tree, node), what: "imports SystemDatabase" }]
            : []
        )
      ),
  breach: {
    "src/persistence/A.ts": 'import { SystemDatabase } from "./Database.ts"\nexport const a = SystemDatabase'
  }
}

export const importRules: ReadonlyArray<Rule> = [
  importDirection,
  packageHomesKept,
  sqlInPersistence,
  noIdleExceptions,
  systemReadersKnown
]
