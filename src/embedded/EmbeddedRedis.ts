import { chownSync, existsSync, realpathSync, writeFileSync } from "node:fs"
import { createConnection } from "node:net"
import { join } from "node:path"
import { Data, Effect, type Scope } from "effect"
import { defaultLimits } from "../config/Limits.ts"
import { readIfPresent } from "./AtomicFile.ts"
import { type ClaimedHome, secret } from "./Home.ts"
import { privateDirectory, serverEnvironment } from "./PostgresCluster.ts"
import { isRunning, type ProcessIdentity, processesIn } from "./ProcessTable.ts"
import { withProgress } from "./Progress.ts"
import { findRedis, type RedisBinary, type RedisNotFound } from "./RedisBinary.ts"
import { logSize, logTail, spawnServer, stopServer, waitUntil } from "./ServerProcess.ts"
import { keepPort, stablePort } from "./StablePort.ts"
import { StepFailed, stepFailed } from "./StepFailed.ts"

/** The embedded Redis of a home could not be brought up. */
export class RedisDidNotStart extends Data.TaggedError("RedisDidNotStart")<{
  readonly home: string
  readonly reason: string
}> {
  override get message() {
    return `The embedded Redis of ${this.home} did not start: ${this.reason}`
  }
}

export interface RedisOptions {
  readonly home: ClaimedHome
  /** False: nothing is written to disk. True unless given. */
  readonly durable?: boolean
}

/** A Redis that answers. */
export interface RunningRedis {
  /** With its password; understood by ioredis and redis-cli. */
  readonly url: string
  readonly pid: number
  /** True when it was found running, left by a process that was killed. */
  readonly adopted: boolean
}

const isRedis = (executable: string): boolean => /^(redis|valkey)-(server|check-rdb)/.test(executable)

/** In a file of its account's own, because arguments can be read by everybody on the machine. */
const configuration = (directory: string, port: number, password: string, durable: boolean): string =>
  [
    "bind 127.0.0.1",
    `port ${port}`,
    `requirepass ${password}`,
    `dir ${JSON.stringify(directory)}`,
    `appendonly ${durable ? "yes" : "no"}`,
    "appendfsync everysec",
    'save ""',
    "maxmemory-policy noeviction",
    "databases 4096",
    "daemonize no",
    'logfile ""',
    ""
  ].join("\n")

const ANSWER_MS = 2_000

/** Authenticates and pings over a plain connection. False when refused, while the data is still loading, and when the password is another's. */
const answers = (port: number, password: string): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    const socket = createConnection({ host: "127.0.0.1", port })
    let text = ""
    const end = (answer: boolean) => {
      socket.destroy()
      resume(Effect.succeed(answer))
    }
    socket.setTimeout(ANSWER_MS, () => end(false))
    socket.once("error", () => end(false))
    socket.once("close", () => end(false))
    socket.once("connect", () => socket.write(`AUTH ${password}\r\nPING\r\n`))
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1")
      if (text.includes("+PONG")) end(true)
      else if (/^-/m.test(text)) end(false)
    })
    return Effect.sync(() => socket.destroy())
  })

const stop = (server: ProcessIdentity) =>
  stopServer(server, "SIGTERM", "SIGKILL").pipe(
    Effect.tap((gone) => (gone ? Effect.void : Effect.logError("redis_not_stopped", { pid: server.pid })))
  )

const awaitReady = (
  server: ProcessIdentity,
  port: number,
  password: string,
  logFile: string,
  logFrom: number
): Effect.Effect<void, StepFailed> =>
  Effect.gen(function* () {
    const until = Date.now() + defaultLimits.embeddedReadyMs
    while (isRunning(server) && Date.now() < until) {
      if (yield* answers(port, password)) return
      yield* Effect.sleep(10)
    }
    const what = isRunning(server) ? `it did not answer for ${defaultLimits.embeddedReadyMs} ms` : "it ended"
    return yield* new StepFailed({ reason: `${what}; the end of ${logFile}:\n${logTail(logFile, logFrom)}` })
  })

interface Running {
  readonly process: ProcessIdentity
  readonly port: number
  readonly adopted: boolean
}

const portOf = (configFile: string): number => Number(/^port (\d+)$/m.exec(readIfPresent(configFile) ?? "")?.[1] ?? 0)

/** The one that still runs in this home's folder, if it answers with this home's password; else it is stopped. */
const adopt = (
  directory: string,
  configFile: string,
  password: string
): Effect.Effect<Running | undefined, StepFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const found = existsSync(directory) ? processesIn(realpathSync(directory), isRedis)[0] : undefined
    if (found === undefined) return undefined
    const port = portOf(configFile)
    if (port > 0 && (yield* answers(port, password))) {
      yield* Effect.addFinalizer(() => stop(found))
      return { process: found, port, adopted: true }
    }
    if (!(yield* stop(found)))
      return yield* new StepFailed({ reason: `process ${found.pid} still works with ${directory}` })
    yield* waitUntil(() => processesIn(realpathSync(directory), isRedis).length === 0, defaultLimits.embeddedStopMs)
    return undefined
  })

const environmentFor = (binary: RedisBinary): { readonly [name: string]: string } =>
  binary.libraryPath === undefined ? serverEnvironment : { ...serverEnvironment, LD_LIBRARY_PATH: binary.libraryPath }

const launchOnce = (
  options: RedisOptions,
  binary: RedisBinary,
  directory: string,
  configFile: string,
  password: string
) =>
  Effect.gen(function* () {
    const { home } = options
    const port = yield* stablePort(home, "redis")
    writeFileSync(configFile, configuration(directory, port, password, options.durable ?? true), { mode: 0o600 })
    if (home.runAs !== undefined) chownSync(configFile, home.runAs.uid, home.runAs.gid)
    const logFile = join(home.logsDir, "redis.log")
    const logFrom = logSize(logFile)
    const command = {
      file: binary.file,
      args: [configFile],
      cwd: "/",
      env: environmentFor(binary),
      logFile,
      runAs: home.runAs
    }
    const server = yield* Effect.acquireRelease(spawnServer(command), (process) => stop(process))
    yield* awaitReady(server, port, password, logFile, logFrom).pipe(withProgress("starting Redis"))
    yield* keepPort(home, "redis", port)
    return { process: server, port, adopted: false }
  })

const startFresh = (options: RedisOptions, directory: string, configFile: string, password: string) =>
  Effect.gen(function* () {
    const binary = yield* findRedis(options.home)
    return yield* launchOnce(options, binary, directory, configFile, password).pipe(
      Effect.retry({
        times: defaultLimits.embeddedPortTriesMax,
        while: (error) => /Address already in use/.test(error.message)
      })
    )
  })

/** The Redis of a home, on a loopback port that stays the same while it is free. Adopts, stops and fails like `startPostgres`. */
export const startRedis = (
  options: RedisOptions
): Effect.Effect<RunningRedis, RedisDidNotStart | RedisNotFound, Scope.Scope> =>
  Effect.gen(function* () {
    const { home } = options
    const password = yield* secret(home, "redis-password")
    const directory = privateDirectory(join(home.dataDir, "redis"), home.runAs)
    const configFile = join(directory, "redis.conf")
    const running =
      (yield* adopt(directory, configFile, password)) ?? (yield* startFresh(options, directory, configFile, password))
    return { url: `redis://:${password}@127.0.0.1:${running.port}`, pid: running.process.pid, adopted: running.adopted }
  }).pipe(
    Effect.catchDefect((defect) => Effect.fail(stepFailed(defect))),
    Effect.mapError((error) =>
      "_tag" in error && error._tag === "RedisNotFound"
        ? error
        : new RedisDidNotStart({ home: options.home.root, reason: error.message })
    )
  )
