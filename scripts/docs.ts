import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { withFiles, withTables } from "../test/tidy/DocTables.ts"
import { projectRoot, readProject } from "../test/tidy/Project.ts"
import { diagramFile, writeDiagrams } from "./erd.ts"

// Writes the tables that are made from the code, and the programs that are quoted, into README.md and docs. The tidy test says when to run it.
const project = readProject()
for (const path of project.texts.keys()) {
  if (!/^(README|docs\/.*)\.md$/.test(path)) continue
  const file = join(projectRoot, path)
  const text = readFileSync(file, "utf8")
  const current = withFiles(withTables(text, project), project)
  if (current === text) continue
  writeFileSync(file, current)
  process.stdout.write(`${path}\n`)
}
if (await writeDiagrams(projectRoot)) process.stdout.write(`${diagramFile}\n`)
