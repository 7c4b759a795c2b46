import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { withFiles, withTables } from "../test/tidy/DocTables.ts"
import { projectRoot, readProject } from "../test/tidy/Project.ts"
import { diagramFile, writeDiagrams } from "./erd.ts"
import { writeProtocolDocs } from "./protocolDocs.ts"
import { stateMachinesFile, writeStateMachines } from "./stateMachines.ts"

// Writes what is made from the code into README.md and docs: state machines, protocol, tables, quoted programs and diagrams. Tests
// say when to run it.
for (const path of writeProtocolDocs()) process.stdout.write(`${path}\n`)
if (writeStateMachines()) process.stdout.write(`${stateMachinesFile}\n`)
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
