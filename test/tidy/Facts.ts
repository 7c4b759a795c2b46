import { type Node, SyntaxKind } from "typescript/unstable/ast"
import {
  isCallExpression,
  isConditionalExpression,
  isIdentifier,
  isObjectLiteralExpression,
  isPropertyAccessExpression,
  isPropertyAssignment,
  isStringLiteral,
  isTypeAliasDeclaration,
  isVariableDeclaration
} from "typescript/unstable/ast/is"
import { type Project, treesIn } from "./Project.ts"
import { lineOf, nodesOf, type SourceTree } from "./SourceTree.ts"

/** Something that the code says to the outside, and where. */
export interface Spoken {
  readonly word: string
  readonly path: string
  readonly line: number
}

export interface MetricFact extends Spoken {
  readonly kind: string
  readonly labels: ReadonlyArray<string>
  readonly description: string
}

export interface LimitFact extends Spoken {
  readonly value: string
  readonly comment: string
}

export interface LogFact extends Spoken {
  readonly level: string
}

/** Text of `/** ... *\/` right before a node, on one line. */
const commentBefore = (tree: SourceTree, node: Node): string => {
  const before = tree.text.slice(node.getFullStart(), node.getStart(tree.file))
  const comments = [...before.matchAll(/\/\*\*([\s\S]*?)\*\//g)]
  return (comments.at(-1)?.[1] ?? "")
    .replace(/\n\s*\*/g, " ")
    .replace(/\s+/g, " ")
    .trim()
}

const objectValue = (node: Node | undefined, key: string): Node | undefined => {
  if (node === undefined || !isObjectLiteralExpression(node)) return undefined
  for (const property of node.properties) {
    if (isPropertyAssignment(property) && property.name.getText() === key) return property.initializer
  }
  return undefined
}

const keysOf = (tree: SourceTree, node: Node | undefined): ReadonlyArray<string> => {
  const text = node?.getText(tree.file) ?? ""
  return [...text.matchAll(/(?:\{|,)\s*(\w+)(?=\s*[,:}])/g)].map(([, key = ""]) => key)
}

/** Labels that `Metric.withAttributes` adds to the metric that a call makes, in the same file. */
const labelsAdded = (tree: SourceTree, made: Node): ReadonlyArray<string> => {
  const name = isVariableDeclaration(made.parent) ? made.parent.name.getText(tree.file) : undefined
  return [...nodesOf(tree.file)].flatMap((node) => {
    if (!isCallExpression(node) || node.expression.getText(tree.file) !== "Metric.withAttributes") return []
    return node.arguments[0]?.getText(tree.file) === name ? keysOf(tree, node.arguments[1]) : []
  })
}

/** Every metric that src makes, in the order of their names. */
export const metricsOf = (project: Project): ReadonlyArray<MetricFact> =>
  treesIn(project, "src")
    .flatMap((tree) =>
      [...nodesOf(tree.file)].flatMap((node) => {
        if (!isCallExpression(node)) return []
        const kind = /^Metric\.(counter|gauge|histogram|timer|frequency|summary)$/.exec(
          node.expression.getText(tree.file)
        )?.[1]
        const [name, options] = node.arguments
        if (kind === undefined || name === undefined || !isStringLiteral(name)) return []
        const description = objectValue(options, "description")
        return [
          {
            word: name.text,
            path: tree.path,
            line: lineOf(tree, node),
            kind,
            labels: [...keysOf(tree, objectValue(options, "attributes")), ...labelsAdded(tree, node)],
            description: description !== undefined && isStringLiteral(description) ? description.text : ""
          }
        ]
      })
    )
    .sort((a, b) => (a.word < b.word ? -1 : 1))

const limitsFiles: ReadonlyArray<string> = ["src/config/Limits.ts", "src/config/DeliveryLimits.ts"]

/** Every limit with its default as it is written and its comment. */
export const limitsOf = (project: Project): ReadonlyArray<LimitFact> =>
  limitsFiles.flatMap((path) => {
    const tree = project.trees.get(path)
    return tree === undefined ? [] : limitsIn(tree)
  })

const limitsIn = (tree: SourceTree): ReadonlyArray<LimitFact> => {
  for (const node of nodesOf(tree.file)) {
    if (!isObjectLiteralExpression(node)) continue
    return node.properties.flatMap((property) =>
      isPropertyAssignment(property)
        ? [
            {
              word: property.name.getText(tree.file),
              path: tree.path,
              line: lineOf(tree, property.name),
              value: property.initializer.getText(tree.file),
              comment: commentBefore(tree, property)
            }
          ]
        : []
    )
  }
  return []
}

/** Names that some file of src other than the limits' own reads as a member. */
export const membersRead = (project: Project): ReadonlySet<string> => {
  const names = new Set<string>()
  for (const tree of treesIn(project, "src")) {
    if (limitsFiles.includes(tree.path)) continue
    for (const node of nodesOf(tree.file)) {
      if (isPropertyAccessExpression(node)) names.add(node.name.getText(tree.file))
      if (node.kind === SyntaxKind.BindingElement) names.add(node.getText(tree.file).split(":")[0] ?? "")
    }
  }
  return names
}

/** The string literals that an expression may turn into. */
const literals = (node: Node | undefined): ReadonlyArray<string> => {
  if (node === undefined) return []
  if (isStringLiteral(node)) return [node.text]
  return isConditionalExpression(node) ? [...literals(node.whenTrue), ...literals(node.whenFalse)] : []
}

const logCall = /^(?:Effect\.log(Trace|Debug|Info|Warning|Error|Fatal)?|log)$/
const leadingCode = /^([a-z]+(?:_[a-z]+)+|serving)(?::|$)/

/** The statement or member that a node is part of: what is piped onto a log line belongs to it. */
const wholeText = (tree: SourceTree, node: Node): string => {
  let at = node
  while (at.parent !== undefined && (isCallExpression(at.parent) || isPropertyAccessExpression(at.parent)))
    at = at.parent
  return at.getText(tree.file)
}

/** Every log line of src; `word` is its code, or empty when it has none. */
export const logLinesOf = (project: Project): ReadonlyArray<LogFact> =>
  treesIn(project, "src").flatMap((tree) =>
    [...nodesOf(tree.file)].flatMap((node) => {
      if (!isCallExpression(node)) return []
      const callee = logCall.exec(node.expression.getText(tree.file))
      if (callee === null) return []
      const messages = literals(node.arguments[0])
      const beside = /\bcode: (?:"([a-z_]+)"|([\w.]+))/.exec(wholeText(tree, node))
      const words = messages.length === 0 ? [""] : messages.map((message) => leadingCode.exec(message)?.[1] ?? "")
      return words.map((word) => ({
        word: word === "" ? (beside?.[1] ?? beside?.[2] ?? "") : word,
        path: tree.path,
        line: lineOf(tree, node),
        level: callee[1] ?? "by remedy"
      }))
    })
  )

const unionOf = (project: Project, path: string, name: string): ReadonlyArray<Spoken> => {
  const tree = project.trees.get(path)
  if (tree === undefined) return []
  return [...nodesOf(tree.file)]
    .filter((node) => isTypeAliasDeclaration(node) && node.name.text === name)
    .flatMap((alias) => [...nodesOf(alias)].filter(isStringLiteral))
    .map((node) => ({ word: node.text, path, line: lineOf(tree, node) }))
}

/** Calls whose string arguments are codes. */
const refusingCalls = new Set(["refuse", "unknownTarget"])

/** Codes that the realtime side and its stores say: of REFUSED, RESULT, FLAGGED and of refused upgrades. */
export const socketCodesOf = (project: Project): ReadonlyArray<Spoken> => [
  ...unionOf(project, "src/actors/drivers/DriverLink.ts", "RefusalCode"),
  ...unionOf(project, "src/domain/TelemetryRules.ts", "QuarantineCode"),
  ...treesIn(project, "src/actors", "src/gateway", "src/persistence").flatMap((tree) =>
    [...nodesOf(tree.file)].flatMap((node) => {
      const words =
        isPropertyAssignment(node) && node.name.getText(tree.file) === "code"
          ? literals(node.initializer)
          : refusedWith(tree, node)
      return words.map((word) => ({ word, path: tree.path, line: lineOf(tree, node) }))
    })
  )
]

const refusedWith = (tree: SourceTree, node: Node): ReadonlyArray<string> => {
  if (!isCallExpression(node)) return []
  const callee = node.expression
  const name = isPropertyAccessExpression(callee)
    ? callee.name.getText(tree.file)
    : isIdentifier(callee)
      ? callee.text
      : ""
  if (!refusingCalls.has(name)) return []
  return node.arguments.flatMap(literals).filter((word) => /^[a-z]+(?:_[a-z]+)+$/.test(word))
}

/** Members of a `const` object of numbers or strings, such as CloseCode and Flag. */
export const membersOf = (
  project: Project,
  path: string,
  name: string
): ReadonlyArray<Spoken & { readonly value: string }> => {
  const tree = project.trees.get(path)
  if (tree === undefined) return []
  for (const node of nodesOf(tree.file)) {
    if (
      node.kind !== SyntaxKind.VariableDeclaration ||
      (!node.getText(tree.file).startsWith(`${name} `) && !node.getText(tree.file).startsWith(`${name}:`))
    )
      continue
    const object = [...nodesOf(node)].find(isObjectLiteralExpression)
    return (object?.properties ?? []).flatMap((property) =>
      isPropertyAssignment(property)
        ? [
            {
              word: property.name.getText(tree.file),
              value: property.initializer.getText(tree.file),
              path,
              line: lineOf(tree, property)
            }
          ]
        : []
    )
  }
  return []
}
