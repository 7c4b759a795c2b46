import { readdirSync, readFileSync, statSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { parse, type SourceTree } from "./SourceTree.ts"

/** The folder that holds package.json. */
export const projectRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** What the rules look at: every text of the project by its path from the root, and the syntax of those that are code. */
export interface Project {
  readonly texts: ReadonlyMap<string, string>
  readonly trees: ReadonlyMap<string, SourceTree>
}

const folders = ["src", "test", "bench", "scripts", "web", "docs", "db"]
const textFile = /\.(ts|tsx|mjs|js|sh|md|sql|json|ndjson|html|css|yml|yaml)$/
const codeFile = /\.(ts|tsx|mjs)$/
const generatedFolders = new Set(["node_modules", "dist", "coverage"])

const list = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return generatedFolders.has(entry.name) ? [] : list(path)
    return [path]
  })

/** The checkout as it stands, committed or not. */
export const readProject = (): Project => {
  const inFolders = folders
    .map((name) => join(projectRoot, name))
    .filter((folder) => statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true)
    .flatMap(list)
  const atRoot = readdirSync(projectRoot, { withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = [...inFolders, ...atRoot.map((entry) => join(projectRoot, entry.name))].filter((path) =>
    textFile.test(path)
  )
  const files = paths.map((path) => [relative(projectRoot, path), readFileSync(path, "utf8")] as const)
  return projectsOf([Object.fromEntries(files)])[0] as Project
}

/** Projects made up of a few texts each, to try rules on. */
export const projectsOf = (projects: ReadonlyArray<Readonly<Record<string, string>>>): ReadonlyArray<Project> => {
  const texts = projects.map((files) => new Map(Object.entries(files)))
  const trees = parse(texts.map((files) => new Map([...files].filter(([path]) => codeFile.test(path)))))
  return texts.map((files, index) => ({ texts: files, trees: trees[index] ?? new Map() }))
}

/** The trees below any of the folders. */
export const treesIn = (project: Project, ...below: ReadonlyArray<string>): ReadonlyArray<SourceTree> =>
  [...project.trees.values()].filter(({ path }) => below.some((folder) => path.startsWith(`${folder}/`)))
