import { type Node, SyntaxKind } from "typescript/unstable/ast"
import {
  isCallExpression,
  isIdentifier,
  isNewExpression,
  isPropertyAccessExpression,
  isPropertyAssignment
} from "typescript/unstable/ast/is"
import { type Project, treesIn } from "./Project.ts"
import type { Offence, Rule } from "./Rule.ts"
import { lineOf, nameOf, nodesOf, type SourceTree } from "./SourceTree.ts"

interface Banned {
  readonly what: string
  readonly instead: string
  readonly is: (tree: SourceTree, node: Node) => boolean
  /** Files, or folders ending in "/", that may, and why. */
  readonly besides: Readonly<Record<string, string>>
  readonly breach: string
}

const called =
  (name: RegExp) =>
  (tree: SourceTree, node: Node): boolean => {
    if (isPropertyAccessExpression(node)) return name.test(nameOf(tree, node) ?? "")
    if (!isIdentifier(node) || !name.test(node.text)) return false
    const { parent } = node
    if (isPropertyAccessExpression(parent) && parent.name === node) return false
    if (isPropertyAssignment(parent) && parent.name === node) return false
    return parent.kind !== SyntaxKind.MethodSignature && parent.kind !== SyntaxKind.TypeQuery
  }

const bareDate = (tree: SourceTree, node: Node): boolean =>
  (isNewExpression(node) || isCallExpression(node)) &&
  node.expression.getText(tree.file) === "Date" &&
  (node.arguments?.length ?? 0) === 0

const realTime = "runs on real time: it watches a process or plays a recording"

const bans: ReadonlyArray<Banned> = [
  {
    what: "Date.now",
    instead: "take `now` as a parameter, or Effect's Clock, so that a test can set the time",
    is: (tree, node) => called(/^Date\.now$/)(tree, node),
    besides: {
      "src/client/ClientClock.ts": "the client's one clock",
      "src/embedded/EmbeddedRedis.ts": realTime,
      "src/embedded/Progress.ts": realTime,
      "src/embedded/ServerProcess.ts": realTime,
      "src/cli/doctor/DatabaseExamination.ts": "compares this machine's clock with PostgreSQL's",
      "src/cli/fleet/Replay.ts": realTime,
      "src/cli/fleet/Simulation.ts": realTime,
      "src/cli/town/TownClock.ts": realTime
    },
    breach: "export const a = Date.now()"
  },
  {
    what: "new Date() without a time",
    instead: "take the time as a parameter, or Effect's Clock",
    is: bareDate,
    besides: {},
    breach: "export const a = new Date()"
  },
  {
    what: "performance.now",
    instead: "Effect's Clock (currentTimeNanos), or the client's ClientClock",
    is: called(/^performance\.now$/),
    besides: {
      "src/client/ClientClock.ts": "the client's one clock",
      "src/client/RestClient.ts": "times its own retries and the life of a token",
      "src/cli/fleet/Replay.ts": realTime,
      "src/cli/fleet/Simulation.ts": realTime,
      "src/cli/fleet/ClientFleet.ts": realTime,
      "src/cli/town/TownClock.ts": realTime,
      "src/cli/StatusLine.ts": realTime
    },
    breach: "export const a = performance.now()"
  },
  {
    what: "Math.random",
    instead: "Effect's Random, a seeded generator, or a `random` parameter",
    is: called(/^Math\.random$/),
    besides: {
      "src/client/DriverClient.ts": "the default of its `random` option",
      "src/client/RestClient.ts": "jitter between retries",
      "src/client/StreamLink.ts": "the default of its `random` option",
      "src/embedded/AptRedis.ts": "the name of a working folder",
      "src/embedded/Home.ts": "jitter between two processes that wait for one lock"
    },
    breach: "export const a = Math.random()"
  },
  {
    what: "a timer",
    instead: "Effect.sleep, Schedule or a timeout of Effect, which end with their fiber",
    is: called(/^(?:setTimeout|setInterval|setImmediate)$/),
    besides: {
      "src/client/ClientClock.ts": "the client's one clock",
      "src/client/RestClient.ts": "waits between retries, without Effect",
      "src/cli/fleet/ClientFleet.ts": "drives clients that are not Effects",
      "src/cli/fleet/DriverAccounts.ts": "drives clients that are not Effects"
    },
    breach: "setTimeout(() => undefined, 10)"
  },
  {
    what: "console",
    instead: "Effect.log* with a code, or Effect's Console in a command of the cli",
    is: called(/^console(?:\.\w+)?$/),
    besides: {},
    breach: "console.log('hello')"
  },
  {
    what: "process.env",
    instead: "src/config/Env.ts, which decodes the environment once",
    is: called(/^process\.env$/),
    besides: {
      "src/cli/CommandLine.ts": "says why the environment could not be decoded, so it cannot use it decoded",
      "src/embedded/AptRedis.ts": "hands the proxy settings on to apt",
      "src/embedded/Home.ts": "XDG_RUNTIME_DIR says where a socket may lie",
      "src/embedded/RedisBinary.ts": "looks for redis-server on the PATH"
    },
    breach: "export const a = process.env.HOME"
  }
]

const placesOf = (project: Project, ban: Banned): ReadonlyArray<Offence> =>
  treesIn(project, "src").flatMap((tree) =>
    [...nodesOf(tree.file)]
      .filter((node) => ban.is(tree, node))
      .map((node) => ({ path: tree.path, line: lineOf(tree, node), what: `uses ${ban.what}` }))
  )

const banned = (ban: Banned): Rule => ({
  says: `src uses ${ban.what} only where it must`,
  instead: ban.instead,
  offences: (project) => placesOf(project, ban).filter(({ path }) => !(path in ban.besides)),
  breach: { "src/actors/A.ts": ban.breach }
})

const noIdleExceptions: Rule = {
  says: "each exception to a banned call is still needed",
  instead: "take the file out of `besides`",
  offences: (project) =>
    bans.flatMap((ban) => {
      const used = new Set(placesOf(project, ban).map(({ path }) => path))
      return Object.keys(ban.besides)
        .filter((path) => !used.has(path))
        .map((path) => ({ path: "test/tidy/CallRules.ts", line: 1, what: `${path} does not use ${ban.what}` }))
    }),
  breach: { "src/client/ClientClock.ts": "export const a = 1" }
}

export const callRules: ReadonlyArray<Rule> = [...bans.map(banned), noIdleExceptions]
