import type { Node } from "typescript/unstable/ast"
import {
  isArrowFunction,
  isCallExpression,
  isClassDeclaration,
  isConstructorDeclaration,
  isExportDeclaration,
  isFunctionDeclaration,
  isFunctionExpression,
  isMethodDeclaration,
  isVariableDeclaration
} from "typescript/unstable/ast/is"
import { type Project, treesIn } from "./Project.ts"
import type { Offence, Rule } from "./Rule.ts"
import { lineOf, nodesOf, type SourceTree } from "./SourceTree.ts"

const fileLinesMax = 400
const functionLinesMax = 80

const checked = (project: Project) => treesIn(project, "src", "test", "bench", "scripts", "web")

const bannedName = /(?:^|[a-z])(?:utils?|helpers?|managers?|common|misc|index)$/i

const fileNames: Rule = {
  says: "no file is called utils, helpers, manager, common or index",
  instead: "name the file after its main export, the thing that it is",
  offences: (project) =>
    checked(project)
      .filter(({ path }) =>
        bannedName.test(
          path
            .split("/")
            .at(-1)
            ?.replace(/\.\w+$/, "") ?? ""
        )
      )
      .map(({ path }) => ({ path, line: 1, what: "has a name that says nothing" })),
  breach: { "src/domain/StringUtils.ts": "export const a = 1" }
}

const pascalCase: Rule = {
  says: "files of src are PascalCase",
  instead: "rename the file after its main export",
  offences: (project) =>
    treesIn(project, "src")
      .filter(({ path }) => path !== "src/main.ts" && !/^[A-Z][A-Za-z0-9]*\.tsx?$/.test(path.split("/").at(-1) ?? ""))
      .map(({ path }) => ({ path, line: 1, what: "is not PascalCase" })),
  breach: { "src/domain/geo-box.ts": "export const a = 1" }
}

const noBarrels: Rule = {
  says: "no file only passes on what others export",
  instead: "import from the file that defines it",
  offences: (project) =>
    checked(project)
      .filter(
        ({ file }) =>
          file.statements.length > 0 &&
          file.statements.every(
            (statement) => isExportDeclaration(statement) && statement.moduleSpecifier !== undefined
          )
      )
      .map(({ path }) => ({ path, line: 1, what: "is a barrel" })),
  breach: { "src/domain/All.ts": 'export * from "./A.ts"\nexport { b } from "./B.ts"' }
}

const lineCount = (text: string): number => text.split("\n").length - (text.endsWith("\n") ? 1 : 0)

interface Long {
  readonly path: string
  readonly name: string
  readonly line: number
  readonly lines: number
}

const longFiles = (project: Project): ReadonlyArray<Long> =>
  checked(project)
    .map(({ path, text }) => ({ path, name: "", line: 1, lines: lineCount(text) }))
    .filter(({ lines }) => lines > fileLinesMax)

const isFunction = (node: Node): boolean =>
  isArrowFunction(node) ||
  isFunctionDeclaration(node) ||
  isFunctionExpression(node) ||
  isMethodDeclaration(node) ||
  isConstructorDeclaration(node)

/** The name of a function, or of what it is given to. */
const functionName = (tree: SourceTree, node: Node): string => {
  for (let at: Node = node; at !== tree.file; at = at.parent) {
    if (
      (isVariableDeclaration(at) || isFunctionDeclaration(at) || isMethodDeclaration(at) || isClassDeclaration(at)) &&
      at.name !== undefined
    )
      return at.name.getText(tree.file)
  }
  return "a function"
}

/** The body of a `describe` is a list of tests, not a function that anyone follows. */
const isSuite = (tree: SourceTree, node: Node): boolean =>
  isCallExpression(node.parent) && /^describe\b/.test(node.parent.expression.getText(tree.file))

const longFunctions = (project: Project): ReadonlyArray<Long> =>
  checked(project).flatMap((tree) =>
    [...nodesOf(tree.file)]
      .filter((node) => isFunction(node) && !isSuite(tree, node))
      .flatMap((node) => {
        const { file } = tree
        const first = file.getLineAndCharacterOfPosition(node.getStart(file)).line
        const lines = file.getLineAndCharacterOfPosition(node.getEnd()).line - first + 1
        return lines > functionLinesMax
          ? [{ path: tree.path, name: functionName(tree, node), line: lineOf(tree, node), lines }]
          : []
      })
  )

const told =
  (max: number) =>
  (long: Long): Offence => ({
    path: long.path,
    line: long.line,
    what: `${long.name === "" ? "the file" : long.name} has ${long.lines} lines, more than ${max}`
  })

const shortFiles: Rule = {
  says: `no file is longer than ${fileLinesMax} lines`,
  instead: "give a part of it a file and a name of its own",
  offences: (project) => longFiles(project).map(told(fileLinesMax)),
  breach: { "src/domain/A.ts": "export const a = 1\n".repeat(fileLinesMax + 1) }
}

const shortFunctions: Rule = {
  says: `no function is longer than ${functionLinesMax} lines`,
  instead: "leave the branches in the parent and give the loops names of their own",
  offences: (project) => longFunctions(project).map(told(functionLinesMax)),
  breach: { "src/domain/A.ts": `export const a = () => {\n${"  // line\n".repeat(functionLinesMax)}}` }
}

export const shapeRules: ReadonlyArray<Rule> = [fileNames, pascalCase, noBarrels, shortFiles, shortFunctions]
