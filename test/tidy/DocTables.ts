import { fieldProblemCodes, problemCodes } from "../../src/http/ProblemCode.ts"
import { limitsOf, membersRead, metricsOf } from "./Facts.ts"
import type { Project } from "./Project.ts"

type Row = ReadonlyArray<string>

const table = (head: Row, rows: ReadonlyArray<Row>): string =>
  [head, head.map(() => "---"), ...rows]
    .map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n")

/** The suffix that says what a limit counts. `Max` and `Min` stand last; what is before them is the unit. */
const units: ReadonlyArray<readonly [suffix: RegExp, unit: string]> = [
  [/KiB$/, "KiB"],
  [/Bytes$/, "bytes"],
  [/PerMinute$/, "each minute"],
  [/PerSecond$/, "each second"],
  [/Ms$/, "ms"],
  [/(?:Ttl|Skew)S$/, "s"],
  [/Days(?:Back|Ahead)$/, "days"],
  [/Pct$/, "%"],
  [/Points(?:Default)?$/, "points"],
  [/RadiusM$|simplifyM$/, "m"],
  [/Connections$/, "connections"]
]

const unitOf = (name: string): string => {
  const noun = name.replace(/(?:Max|Min)$/, "")
  return units.find(([suffix]) => suffix.test(noun))?.[1] ?? "count"
}

const limitTable = (project: Project): string => {
  const read = membersRead(project)
  return table(
    ["Limit", "Default", "Unit", "What it bounds"],
    limitsOf(project).map(({ word, value, comment }) => [
      `\`${word}\``,
      value.replaceAll("_", " "),
      unitOf(word),
      `${comment}${read.has(word) ? "" : `${comment === "" ? "" : " "}(not in force yet: nothing reads it)`}`
    ])
  )
}

const metricTable = (project: Project): string =>
  table(
    ["Metric", "Kind", "Labels", "Meaning"],
    metricsOf(project).map(({ word, kind, labels, description }) => [
      `\`${word}\``,
      kind,
      labels.map((label) => `\`${label}\``).join(", "),
      description
    ])
  )

/** A default as a reader sets it; one that is computed is told by its template, `<hostname()>-<process.pid>`. */
const defaultText = (written: string | undefined): string => {
  if (written === undefined) return "(none)"
  if (written === "") return "(empty)"
  return `\`${written.replaceAll("`", "").replace(/\$\{([^}]*)\}/g, "<$1>")}\``
}

const environmentTable = (project: Project): string => {
  const text = project.texts.get("src/config/Env.ts") ?? ""
  const rows = [...text.matchAll(/^ {2}(\w+): (?:optional\()?Config\.(\w+)\(([\s\S]*?)(?=\n {2}\w+:|\n\}\))/gm)].map(
    ([, field = "", kind = "", rest = ""]) => {
      const name = /"([A-Z][A-Z0-9_]+)"/.exec(rest)?.[1] ?? field
      const fallback = /withDefault\((`[^`]*`|"[^"]*"|[\w.]+)\)/.exec(rest)?.[1]?.replaceAll('"', "")
      const literals =
        kind === "Literals"
          ? ` One of ${[...rest.matchAll(/"([A-Za-z]+)"/g)]
              .map(([, word]) => word)
              .filter((word) => !/^[A-Z_]+$/.test(word ?? ""))
              .slice(0, -1)
              .join(", ")}.`
          : ""
      const comment = new RegExp(`/\\*\\* ([^*]*) \\*/\\n {2}readonly ${field}:`).exec(text)?.[1] ?? ""
      return [`\`${name}\``, defaultText(fallback), `${comment.replaceAll("Undefined:", "Unset:")}${literals}`.trim()]
    }
  )
  return table(["Variable", "Default", "Meaning"], rows)
}

const problemTable = (): string =>
  table(
    ["Code", "Status", "Meaning", "Retry"],
    Object.entries(problemCodes).map(([code, { status, title, retry }]) => [
      `\`${code}\``,
      String(status),
      title,
      retry
    ])
  )

const fieldTable = (): string =>
  table(
    ["Code", "Meaning"],
    Object.entries(fieldProblemCodes).map(([code, meaning]) => [`\`${code}\``, meaning])
  )

interface Measured {
  readonly id: string
  readonly what: string
  readonly unit: string
  readonly value: number
  readonly verdict?: string
  readonly target?: { readonly least?: number; readonly most?: number; readonly beyond: number }
  readonly runs: ReadonlyArray<number>
  readonly settings: { readonly seconds: number }
  readonly machine: {
    readonly at: string
    readonly cpuModel: string
    readonly cores: number
    readonly memoryMiB: number
    readonly node: string
    readonly commit: string
  }
}

/** Where and how some figures were measured, a line for each commit. */
const conditions = (records: ReadonlyArray<Measured>): string => {
  const lines = records.map(({ machine, runs, settings }) => {
    const memoryGiB = Math.round(machine.memoryMiB / 1024)
    return `${machine.at.slice(0, 10)}, commit ${machine.commit.slice(0, 7)}: ${machine.cores} cores of ${machine.cpuModel}, ${memoryGiB} GiB, Node ${machine.node}; server, PostgreSQL and load share them; ${runs.length === 1 ? "1 run" : `medians of ${runs.length} runs`} of ${settings.seconds} s`
  })
  return [...new Set(lines)].map((line) => `Measured ${line}.`).join("\n")
}

/** The newest record of each figure, by its id; a figure that was not measured is not there. */
const newestFigures = (project: Project): ReadonlyArray<Measured> => {
  const newest = new Map<string, Measured>()
  for (const line of (project.texts.get("bench/results.ndjson") ?? "").split("\n")) {
    if (line.trim() === "") continue
    const record = JSON.parse(line) as Measured
    newest.set(record.id, record)
  }
  return [...newest.values()].sort((a, b) => a.id.localeCompare(b.id, "en", { numeric: true }))
}

const grouped = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 })

const aim = ({ target }: Measured): string => {
  if (target === undefined) return ""
  const bound =
    target.least === undefined
      ? `at most ${grouped.format(target.most ?? 0)}`
      : `at least ${grouped.format(target.least)}`
  return `${bound}; ${grouped.format(target.beyond)}`
}

/** What was promised, and what was measured. */
const figureTable = (project: Project): string => {
  const promised = newestFigures(project).filter(({ target }) => target !== undefined)
  if (promised.length === 0) return "Not measured yet."
  const rows = promised.map((each) => [
    each.id,
    each.what,
    grouped.format(each.value),
    each.unit,
    aim(each),
    each.verdict ?? ""
  ])
  return `${table(["Figure", "What", "Median", "Unit", "Reach; beyond", "Verdict"], rows)}\n\n${conditions(promised)}`
}

/** Everything that was measured, also the terms of the ratios. */
const allFigureTable = (project: Project): string => {
  const all = newestFigures(project)
  if (all.length === 0) return "Not measured yet."
  const rows = all.map(({ id, what, value, unit, runs }) => [
    id,
    what,
    grouped.format(value),
    unit,
    runs.length === 1 ? "" : `${grouped.format(Math.min(...runs))} to ${grouped.format(Math.max(...runs))}`
  ])
  return `${table(["Figure", "What", "Median", "Unit", "Least to most"], rows)}\n\n${conditions(all)}`
}

/** The tables that are made from the code, by the name in their marker. */
const tables: Readonly<Record<string, (project: Project) => string>> = {
  limits: limitTable,
  metrics: metricTable,
  environment: environmentTable,
  problems: problemTable,
  fields: fieldTable,
  figures: figureTable,
  allFigures: allFigureTable
}

const marked = /<!-- table: (\w+) -->[\s\S]*?<!-- end of table -->/g

/** A document with every marked table as the code has it now. */
export const withTables = (text: string, project: Project): string =>
  text.replace(marked, (_, name: string) => {
    const render = tables[name]
    if (render === undefined) throw new Error(`no table is called ${name}`)
    return `<!-- table: ${name} -->\n${render(project)}\n<!-- end of table -->`
  })

const quoted = /<!-- file: (\S+) -->[\s\S]*?<!-- end of file -->/g

/** A document with every quoted file as the file is now. */
export const withFiles = (text: string, project: Project): string =>
  text.replace(quoted, (_, path: string) => {
    const file = project.texts.get(path)
    if (file === undefined) throw new Error(`${path} does not exist`)
    const language = path.slice(path.lastIndexOf(".") + 1)
    return `<!-- file: ${path} -->\n\`\`\`${language}\n${file.trim()}\n\`\`\`\n<!-- end of file -->`
  })
