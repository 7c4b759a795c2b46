import { SyntaxKind } from "typescript/unstable/ast"
import { isPropertyAccessExpression } from "typescript/unstable/ast/is"
import type { Project } from "./Project.ts"
import { linesMatching, type Offence, type Rule } from "./Rule.ts"
import { lineOf, nodesOf } from "./SourceTree.ts"

const ourCode = (project: Project) => [...project.trees.values()].filter(({ path }) => !path.startsWith("test/tidy/"))
const ourTexts = (project: Project) =>
  [...project.texts].filter(([path]) => !path.startsWith("test/tidy/") && path !== "package-lock.json")

const inText = (project: Project, pattern: RegExp, what: string): ReadonlyArray<Offence> =>
  ourTexts(project).flatMap(([path, text]) =>
    linesMatching(text, pattern).map(([line, found]) => ({ path, line, what: `${what} (${found.trim()})` }))
  )

const noAny: Rule = {
  says: "nothing has the type any",
  instead: "name the type, or take unknown and decode it",
  offences: (project) =>
    ourCode(project).flatMap((tree) =>
      [...nodesOf(tree.file)]
        .filter((node) => node.kind === SyntaxKind.AnyKeyword)
        .map((node) => ({ path: tree.path, line: lineOf(tree, node), what: "uses any" }))
    ),
  breach: { "src/domain/A.ts": "export const a = 1 as any" }
}

const noSilencedTools: Rule = {
  says: "no comment silences the compiler or the linter",
  instead: "change the code so that the tool agrees",
  offences: (project) =>
    inText(project, /@ts-(?:ignore|expect-error|nocheck)|biome-ignore|eslint-disable/, "silences a tool"),
  breach: { "src/domain/A.ts": "// @ts-ignore\nexport const a = 1" }
}

const noSkippedTests: Rule = {
  says: "no test is skipped, singled out or promised for later",
  instead: "run the test, or delete it",
  offences: (project) =>
    ourCode(project)
      .filter(({ path }) => path.startsWith("test/"))
      .flatMap((tree) =>
        [...nodesOf(tree.file)]
          .filter((node) => isPropertyAccessExpression(node))
          .filter((node) =>
            /^(?:it|test|describe)(?:\.\w+)*\.(?:skip|only|todo|skipIf|runIf|fails)$/.test(node.getText(tree.file))
          )
          .map((node) => ({ path: tree.path, line: lineOf(tree, node), what: `has ${node.getText(tree.file)}` }))
      ),
  breach: { "test/A.test.ts": 'import { it } from "vitest"\nit.skip("x", () => undefined)' }
}

const noPromises: Rule = {
  says: "nothing is left to do later",
  instead: "do it, or say in docs what does not exist yet",
  offences: (project) => inText(project, /\b(?:TODO|FIXME|XXX|HACK)\b/, "leaves something for later"),
  breach: { "src/domain/A.ts": "// TODO later\nexport const a = 1" }
}

/** Where this machine keeps things, and where packages are fetched from, are nobody else's business. */
const machine =
  /(?:^|[\s"'`(=:])\/(?:work|root|mnt|Users)\/|\/home\/(?!postgres\b|<)\w+\/|https?:\/\/(?:registry\.|[\w.-]*(?:artifactory|nexus|verdaccio))|npmjs\.org/

const noMachines: Rule = {
  says: "nothing names a folder of somebody's machine or a package registry",
  instead: "use a path from the project's root; keep `resolved` out of the lock file (omit-lockfile-registry-resolved)",
  offences: (project) =>
    [...project.texts]
      .filter(([path]) => !path.startsWith("test/tidy/"))
      .flatMap(([path, text]) =>
        linesMatching(text, machine).map(([line, found]) => ({ path, line, what: `names ${found.trim()}` }))
      ),
  breach: { "docs/A.md": "Look into /root/secrets/file" }
}

export const wordingRules: ReadonlyArray<Rule> = [noAny, noSilencedTools, noSkippedTests, noPromises, noMachines]
