import { type Node, type SourceFile, SyntaxKind } from "typescript/unstable/ast"
import { isCallExpression, isExportDeclaration, isImportDeclaration, isStringLiteral } from "typescript/unstable/ast/is"
import { createVirtualFileSystem } from "typescript/unstable/fs"
import { API } from "typescript/unstable/sync"

/** The syntax of one file. */
export interface SourceTree {
  readonly path: string
  readonly text: string
  readonly file: SourceFile
}

/** One import, re-export or `import()` of a file. */
export interface ImportOf {
  /** The module as it is written. */
  readonly module: string
  readonly isTypeOnly: boolean
  readonly node: Node
}

const base = "/project"
const options = {
  noLib: true,
  noResolve: true,
  types: [],
  allowJs: true,
  module: "esnext",
  target: "esnext",
  jsx: "preserve"
}

/**
 * Parses the files of several projects at once with the compiler's own parser. TypeScript 7 keeps it in a process of its own behind
 * an interface that is still called unstable; this file is the one place that knows it, and the version is pinned exactly.
 */
export const parse = (
  projects: ReadonlyArray<ReadonlyMap<string, string>>
): ReadonlyArray<ReadonlyMap<string, SourceTree>> => {
  const config = `${base}/tsconfig.json`
  const folder = (index: number): string => `${base}/${index}`
  const virtual = Object.fromEntries(
    projects.flatMap((files, index) => [...files].map(([path, text]) => [`${folder(index)}/${path}`, text]))
  )
  const api = new API({
    cwd: base,
    fs: createVirtualFileSystem({
      ...virtual,
      [config]: JSON.stringify({ compilerOptions: options, files: Object.keys(virtual) })
    })
  })
  try {
    const program = api.updateSnapshot({ openProjects: [config] }).getProject(config)?.program
    const treeOf = (index: number, path: string, text: string): SourceTree => {
      const file = program?.getSourceFile(`${folder(index)}/${path}`)
      if (file === undefined) throw new Error(`${path} was not parsed`)
      return { path, text, file }
    }
    return projects.map(
      (files, index) => new Map([...files].map(([path, text]) => [path, treeOf(index, path, text)] as const))
    )
  } finally {
    api.close()
  }
}

/** Every node below `node`, itself included, in the order of the text. */
export function* nodesOf(node: Node): Generator<Node> {
  yield node
  const children: Array<Node> = []
  node.forEachChild((child) => {
    children.push(child)
    return undefined
  })
  for (const child of children) yield* nodesOf(child)
}

/** Line of a node, counted from 1. */
export const lineOf = (tree: SourceTree, node: Node): number =>
  tree.file.getLineAndCharacterOfPosition(node.getStart(tree.file)).line + 1

/** Everything that the file imports. */
export const importsOf = (tree: SourceTree): ReadonlyArray<ImportOf> => {
  const found: Array<ImportOf> = []
  for (const node of nodesOf(tree.file)) {
    if (isImportDeclaration(node) && isStringLiteral(node.moduleSpecifier)) {
      const isTypeOnly = node.getText(tree.file).startsWith("import type")
      found.push({ module: node.moduleSpecifier.text, isTypeOnly, node })
    } else if (
      isExportDeclaration(node) &&
      node.moduleSpecifier !== undefined &&
      isStringLiteral(node.moduleSpecifier)
    ) {
      found.push({
        module: node.moduleSpecifier.text,
        isTypeOnly: node.getText(tree.file).startsWith("export type"),
        node
      })
    } else if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword) {
      const [module] = node.arguments
      if (module !== undefined && isStringLiteral(module)) found.push({ module: module.text, isTypeOnly: false, node })
    }
  }
  return found
}

/** Where a relative import leads, as a path from the root; undefined when it names a package. */
export const targetOf = (path: string, module: string): string | undefined =>
  module.startsWith(".") ? new URL(module, `file:///${path}`).pathname.slice(1) : undefined

/** `a.b.c` of a chain of names; undefined when it is anything else. */
export const nameOf = (tree: SourceTree, node: Node): string | undefined => {
  const text = node.getText(tree.file)
  return /^[\w$]+(\.[\w$]+)*$/.test(text) ? text : undefined
}
