import { dirname } from "node:path"
import { type Project, treesIn } from "./Project.ts"
import type { Rule } from "./Rule.ts"
import { importsOf, type SourceTree, targetOf } from "./SourceTree.ts"

/** Files that something other than an import starts. */
const isStart = (path: string): boolean =>
  path === "src/main.ts" ||
  /^scripts\/[^/]+$/.test(path) ||
  /^bench\/[^/]*(?:Bench|bench)\.ts$/.test(path) ||
  /^web\/.*\.tsx?$/.test(path)

const isTestStart = (path: string): boolean => /\.test\.ts$/.test(path) || /^[^/]+\.ts$/.test(path)

/** A file that is run or loaded by its name, as in `new URL("./HoldServices.ts", import.meta.url)`. */
const namedIn = (tree: SourceTree): ReadonlyArray<string> =>
  [...tree.text.matchAll(/["'`]((?:\.{1,2}\/)*[\w./-]+\.ts)["'`]/g)].flatMap(([, name]) => {
    if (name === undefined) return []
    const target = targetOf(tree.path, name)
    return target === undefined ? [name, `${dirname(tree.path)}/${name}`] : [target]
  })

const reachedFrom = (project: Project, starts: ReadonlyArray<string>): ReadonlySet<string> => {
  const reached = new Set<string>()
  const waiting = [...starts]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const tree = project.trees.get(path)
    if (tree === undefined || reached.has(path)) continue
    reached.add(path)
    for (const { module } of importsOf(tree)) {
      const target = targetOf(path, module)
      if (target !== undefined) waiting.push(target)
    }
    waiting.push(...namedIn(tree))
  }
  return reached
}

const productUsesAll: Rule = {
  says: "every file of src is reached from a command, a script, the bench or an example",
  instead: "delete it, or use it; what only tests need belongs in test",
  offences: (project) => {
    const starts = [...project.trees.keys()].filter((path) => isStart(path) || path.startsWith("docs/examples/"))
    const reached = reachedFrom(project, starts)
    return treesIn(project, "src")
      .filter(({ path }) => !reached.has(path))
      .map(({ path }) => ({ path, line: 1, what: "is reached by nothing, or by tests alone" }))
  },
  breach: {
    "src/main.ts": "export const a = 1",
    "src/domain/Dead.ts": "export const b = 1",
    "test/Dead.test.ts": 'import "../src/domain/Dead.ts"'
  }
}

const testsUseAll: Rule = {
  says: "every file of test, bench and scripts is reached from a test, a script or the bench",
  instead: "delete it, or use it",
  offences: (project) => {
    const reached = reachedFrom(
      project,
      [...project.trees.keys()].filter((path) => isStart(path) || isTestStart(path))
    )
    return treesIn(project, "test", "bench", "scripts")
      .filter(({ path }) => !reached.has(path))
      .map(({ path }) => ({ path, line: 1, what: "is reached by nothing" }))
  },
  breach: { "test/kit/Idle.ts": "export const a = 1" }
}

export const reachRules: ReadonlyArray<Rule> = [productUsesAll, testsUseAll]
