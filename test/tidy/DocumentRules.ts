import { existsSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import { withFiles, withTables } from "./DocTables.ts"
import { limitsOf, logLinesOf, membersOf, membersRead, metricsOf, type Spoken, socketCodesOf } from "./Facts.ts"
import { type Project, projectRoot } from "./Project.ts"
import { linesMatching, type Offence, type Rule } from "./Rule.ts"

const textOf = (project: Project, path: string): string => project.texts.get(path) ?? ""

const unnamedIn = (project: Project, doc: string, spoken: ReadonlyArray<Spoken>): ReadonlyArray<Offence> => {
  const text = textOf(project, doc)
  return spoken
    .filter(({ word }) => word !== "" && !text.includes(`\`${word}\``))
    .map(({ word, path, line }) => ({ path, line, what: `${word} is not in ${doc}` }))
}

const codesDocumented: Rule = {
  says: "every code that a client can see is in docs/ERRORS.md",
  instead: "add a row that says what it means and when to try again",
  offences: (project) => unnamedIn(project, "docs/ERRORS.md", socketCodesOf(project)),
  breach: { "src/actors/drivers/DriverLink.ts": 'export type RefusalCode = "too_hot_today"' }
}

const closeCodesDocumented: Rule = {
  says: "every close code and flag is in docs/ERRORS.md with its number and name",
  instead: "add a row `| 4000 | `draining` | ...`",
  offences: (project) => {
    const text = textOf(project, "docs/ERRORS.md")
    const reasons = membersOf(project, "src/protocol/CloseCode.ts", "closeReason").map(
      ({ word, value, path, line }) => ({ path, line, row: `| ${word} | \`${value.slice(1, -1)}\` |` })
    )
    const flags = [...textOf(project, "src/domain/TelemetryRules.ts").matchAll(/\[Flag\.(\w+), "(\w+)"\]/g)].map(
      ([, member, name]) => {
        const flag = membersOf(project, "src/domain/TelemetryRules.ts", "Flag").find(({ word }) => word === member)
        return { path: "src/domain/TelemetryRules.ts", line: flag?.line ?? 1, row: `| ${flag?.value} | \`${name}\` |` }
      }
    )
    return [...reasons, ...flags]
      .filter(({ row }) => !text.includes(row))
      .map(({ path, line, row }) => ({ path, line, what: `no row begins with ${row}` }))
  },
  breach: { "src/protocol/CloseCode.ts": 'export const closeReason = { 4321: "tired" } as const' }
}

const logsDocumented: Rule = {
  says: "every log line carries a code, and every code is in docs/ERRORS.md",
  instead: "begin the message with a code (words_with_underscores), and add a row for it",
  offences: (project) => {
    const lines = logLinesOf(project).filter(({ level }) => level !== "Debug" && level !== "Trace")
    const bare = lines
      .filter(({ word }) => word === "")
      .map(({ path, line }) => ({ path, line, what: "logs without a code" }))
    return [
      ...bare,
      ...unnamedIn(
        project,
        "docs/ERRORS.md",
        lines.filter(({ word }) => !word.includes("."))
      )
    ]
  },
  breach: { "src/http/A.ts": 'Effect.logWarning("it rains")' }
}

const limitsUsed: Rule = {
  says: "every limit is read by something in src",
  instead: "hold the bound where it belongs, or delete it",
  offences: (project) => {
    const read = membersRead(project)
    return limitsOf(project)
      .filter(({ word }) => !read.has(word))
      .map(({ path, line, word }) => ({ path, line, what: `nothing reads ${word}` }))
  },
  breach: { "src/config/Limits.ts": "export const defaultLimits = { idleCarsMax: 1 }" }
}

const limitsDocumented: Rule = {
  says: "every limit and every metric is in docs/OPERATING.md",
  instead: "run npm run docs",
  offences: (project) => unnamedIn(project, "docs/OPERATING.md", [...limitsOf(project), ...metricsOf(project)]),
  breach: { "src/http/A.ts": 'export const a = Metric.counter("dropmate_cars_total", { description: "cars" })' }
}

const metricsDescribed: Rule = {
  says: "every metric begins with dropmate_ and says what it counts",
  instead: "give it a name dropmate_<noun>_<unit or total> and a description",
  offences: (project) =>
    metricsOf(project)
      .filter(({ word, description }) => !word.startsWith("dropmate_") || description === "")
      .map(({ path, line, word }) => ({ path, line, what: `${word} has no description, or another prefix` })),
  breach: { "src/http/A.ts": 'export const a = Metric.counter("cars")' }
}

const tablesCurrent: Rule = {
  says: "tables and programs quoted in documents are those of the code",
  instead: "run npm run docs",
  offences: (project) =>
    [...project.texts]
      .filter(([path]) => /^(README|docs\/.*)\.md$/.test(path))
      .filter(([, text]) => withFiles(withTables(text, project), project) !== text)
      .map(([path]) => ({ path, line: 1, what: "is behind the code" })),
  breach: { "docs/A.md": "<!-- table: problems -->\nnothing\n<!-- end of table -->" }
}

const decisionPath = /^docs\/adr\/(\d{4})-[a-z0-9-]+\.md$/

const decisionsListed: Rule = {
  says: "every decision has a number of its own, its parts, and a line in docs/adr/README.md",
  instead:
    "add it to docs/adr/README.md, with the headings Context, Decision, Consequences, and the test that would notice",
  offences: (project) => {
    const index = textOf(project, "docs/adr/README.md")
    const decisions = [...project.texts].filter(
      ([path]) => path.startsWith("docs/adr/") && path !== "docs/adr/README.md"
    )
    const seen = new Set<string>()
    return decisions.flatMap(([path, text]) => {
      const number = decisionPath.exec(path)?.[1]
      const problems = [
        ...(number === undefined ? ["is not called NNNN-words.md"] : []),
        ...(number !== undefined && seen.has(number) ? [`has a number that another one has, ${number}`] : []),
        ...(index.includes(`](${path.slice("docs/adr/".length)})`) ? [] : ["is not in docs/adr/README.md"]),
        ...["Context", "Decision", "Consequences"]
          .filter((part) => !new RegExp(`^#+ ${part}|^\\*\\*${part}`, "m").test(text))
          .map((part) => `has no part ${part}`)
      ]
      if (number !== undefined) seen.add(number)
      return problems.map((what) => ({ path, line: 1, what }))
    })
  },
  breach: { "docs/adr/README.md": "", "docs/adr/0001-x.md": "# X" }
}

const decisionsExist: Rule = {
  says: "every ADR that the code names exists",
  instead: "write it, or correct the number",
  offences: (project) => {
    const numbers = new Set([...project.texts.keys()].map((path) => decisionPath.exec(path)?.[1]))
    return [...project.texts]
      .filter(([path]) => /^(?:src|db|test|bench|docs)\//.test(path) && !path.startsWith("test/tidy/"))
      .flatMap(([path, text]) =>
        linesMatching(text, /\bADR (\d{4})\b/)
          .filter(([, found]) => !numbers.has(found.slice(-4)))
          .map(([line, found]) => ({ path, line, what: `${found} does not exist` }))
      )
  },
  breach: { "src/domain/A.ts": "// see ADR 9999" }
}

const link = /\]\(([^)\s#]+)(?:#[^)]*)?\)/g

const linksLead: Rule = {
  says: "every relative link of a document leads somewhere",
  instead: "correct the path",
  offences: (project) =>
    [...project.texts]
      .filter(([path]) => path.endsWith(".md"))
      .flatMap(([path, text]) =>
        text.split("\n").flatMap((words, i) =>
          [...words.matchAll(link)]
            .map(([, target = ""]) => target)
            .filter((target) => !/^[a-z]+:/.test(target))
            .map((target) => normalize(join(dirname(path), target)))
            .filter((target) => !project.texts.has(target) && !existsSync(join(projectRoot, target)))
            .map((target) => ({ path, line: i + 1, what: `links to ${target}, which does not exist` }))
        )
      ),
  breach: { "docs/A.md": "See [there](nowhere.md)." }
}

const namedPath = /`((?:src|test|bench|scripts|db|docs|web)\/[\w./-]+\.(?:ts|mjs|sql|md|html))`/g

const namedPathsExist: Rule = {
  says: "every file that a document names exists",
  instead: "correct the path: the file moved or went",
  offences: (project) =>
    [...project.texts]
      .filter(([path]) => path.endsWith(".md"))
      .flatMap(([path, text]) =>
        text.split("\n").flatMap((words, i) =>
          [...words.matchAll(namedPath)]
            .map(([, target = ""]) => target)
            .filter((target) => !project.texts.has(target))
            .map((target) => ({ path, line: i + 1, what: `names ${target}, which does not exist` }))
        )
      ),
  breach: { "docs/A.md": "See `src/domain/Nowhere.ts`." }
}

const promiseFile = /test\/promises\/(P\d\d)-[\w.-]+\.test\.ts/

const promisesPaired: Rule = {
  says: "docs/PROMISES.md and test/promises name each other, file by file",
  instead: "write the row, or the test; a promise that is not kept yet names no file",
  offences: (project) => {
    const rows = linesMatching(textOf(project, "docs/PROMISES.md"), promiseFile)
    const named = new Set(rows.map(([, path]) => path))
    const files = [...project.texts.keys()].filter((path) => promiseFile.test(path))
    return [
      ...rows
        .filter(([, path]) => !project.texts.has(path))
        .map(([line, path]) => ({ path: "docs/PROMISES.md", line, what: `names ${path}, which does not exist` })),
      ...files
        .filter((path) => !named.has(path))
        .map((path) => ({ path, line: 1, what: "is in no row of docs/PROMISES.md" }))
    ]
  },
  breach: { "docs/PROMISES.md": "| P01 | test/promises/P01-acked.test.ts |" }
}

export const documentRules: ReadonlyArray<Rule> = [
  codesDocumented,
  closeCodesDocumented,
  logsDocumented,
  limitsUsed,
  limitsDocumented,
  metricsDescribed,
  tablesCurrent,
  decisionsListed,
  decisionsExist,
  linksLead,
  namedPathsExist,
  promisesPaired
]
