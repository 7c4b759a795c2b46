import { existsSync, realpathSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Data, Effect, type Scope } from "effect"
import { Client } from "pg"
import { defaultLimits } from "../config/Limits.ts"
import { type ClaimedHome, secret } from "./Home.ts"
import {
  type PostgresBinaries,
  type PostgresBinariesMissing,
  packagedBinariesRoot,
  usablePostgresBinaries
} from "./PostgresBinaries.ts"
import {
  type ClusterNotUsable,
  type ClusterSettings,
  configure,
  ensureCluster,
  POSTGRES_DATABASE,
  POSTGRES_USER,
  serverEnvironment,
  socketDirectory
} from "./PostgresCluster.ts"
import { type PostmasterPid, postmasterPidFile, readPostmasterPid } from "./PostmasterPid.ts"
import { isRunning, type ProcessIdentity, processesIn } from "./ProcessTable.ts"
import { withProgress } from "./Progress.ts"
import { logSize, logTail, spawnServer, stopServer, waitUntil } from "./ServerProcess.ts"
import { keepPort, stablePort } from "./StablePort.ts"
import { StepFailed, stepFailed } from "./StepFailed.ts"

/** The embedded PostgreSQL of a home could not be brought up. */
export class PostgresDidNotStart extends Data.TaggedError("PostgresDidNotStart")<{
  readonly home: string
  readonly reason: string
}> {
  override get message() {
    return `The embedded PostgreSQL of ${this.home} did not start: ${this.reason}`
  }
}

export interface PostgresOptions {
  readonly home: ClaimedHome
  /** False: no fsync, for throw-away clusters. True unless given. */
  readonly durable?: boolean
  /** 60 unless given. */
  readonly maxConnections?: number
  /** 256 unless given. */
  readonly sharedBuffersMb?: number
  /** A folder with `native/bin/postgres`, instead of the installed package's. */
  readonly binariesRoot?: string
}

/** A PostgreSQL that answers. Both URLs are the owner's (a superuser) and hold its password. */
export interface RunningPostgres {
  /** Over the unix socket; understood by `pg`, `@effect/sql-pg` and libpq. Only this account (and root) can open the socket. */
  readonly socketUrl: string
  /** Over 127.0.0.1, for tools. */
  readonly tcpUrl: string
  readonly pid: number
  /** True when it was found running, left by a process that was killed. */
  readonly adopted: boolean
}

interface Running {
  readonly process: ProcessIdentity
  readonly pidFile: PostmasterPid
  readonly adopted: boolean
}

const isPostgres = (executable: string): boolean => executable === "postgres"

const socketUrlOf = (password: string, pidFile: PostmasterPid, database: string): string =>
  `postgresql://${POSTGRES_USER}:${password}@localhost:${pidFile.port}/${database}?host=${encodeURIComponent(pidFile.socketDir)}`

const tcpUrlOf = (password: string, pidFile: PostmasterPid): string =>
  `postgresql://${POSTGRES_USER}:${password}@127.0.0.1:${pidFile.port}/${POSTGRES_DATABASE}`

const query = <A>(url: string, ask: (client: Client) => Promise<A>): Effect.Effect<A, StepFailed> =>
  Effect.tryPromise({
    try: async () => {
      const client = new Client({ connectionString: url, connectionTimeoutMillis: defaultLimits.databaseConnectMs })
      // Without a listener a connection that the server ends would be an uncaught exception; the query's own rejection reports it.
      client.on("error", () => undefined)
      await client.connect()
      try {
        return await ask(client)
      } finally {
        await client.end()
      }
    },
    catch: stepFailed
  })

/** The database, and proof that the server answers with the password of this home. */
const ensureDatabase = (password: string, pidFile: PostmasterPid): Effect.Effect<void, StepFailed> =>
  query(socketUrlOf(password, pidFile, "postgres"), async (client) => {
    const found = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [POSTGRES_DATABASE])
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${POSTGRES_DATABASE}`)
  })

/** The postmaster that already serves this cluster, whoever started it; its backends are not it. */
const runningPostmaster = (dataDir: string): Running | undefined => {
  const pidFile = existsSync(dataDir) ? readPostmasterPid(dataDir) : undefined
  if (pidFile === undefined) return undefined
  const process = processesIn(realpathSync(dataDir), isPostgres).find(({ pid }) => pid === pidFile.pid)
  return process === undefined ? undefined : { process, pidFile, adopted: true }
}

const stop = (server: ProcessIdentity) =>
  stopServer(server, "SIGINT", "SIGQUIT").pipe(
    Effect.tap((gone) => (gone ? Effect.void : Effect.logError("postgres_not_stopped", { pid: server.pid })))
  )

/** PostgreSQL takes its socket away itself; the folder was ours. */
const stopAndTidy = (server: ProcessIdentity, home: ClaimedHome) =>
  stop(server).pipe(
    Effect.tap((gone) => Effect.sync(() => gone && rmSync(home.socketDir, { recursive: true, force: true })))
  )

/**
 * Clears the way for a new postmaster: ends one that does not answer, waits for the backends of a killed one (they hold its shared memory, and PostgreSQL
 * refuses to start beside them), and removes a postmaster.pid whose number now belongs to some other program, which PostgreSQL would mistake for a postmaster.
 */
const clearTheWay = (dataDir: string): Effect.Effect<void, StepFailed> =>
  Effect.gen(function* () {
    const stuck = runningPostmaster(dataDir)
    if (stuck !== undefined) yield* stop(stuck.process)
    const left = () => (existsSync(dataDir) ? processesIn(realpathSync(dataDir), isPostgres) : [])
    if (!(yield* waitUntil(() => left().length === 0, defaultLimits.embeddedStopMs))) {
      for (const server of left()) yield* stopServer(server, "SIGQUIT", "SIGKILL")
    }
    if (left().length > 0)
      return yield* new StepFailed({ reason: `process ${left()[0]?.pid} still works with ${dataDir}` })
    rmSync(postmasterPidFile(dataDir), { force: true })
  })

const awaitReady = (
  server: ProcessIdentity,
  dataDir: string,
  logFile: string,
  logFrom: number
): Effect.Effect<PostmasterPid, StepFailed> =>
  Effect.gen(function* () {
    const ready = () => {
      const file = readPostmasterPid(dataDir)
      return file?.pid === server.pid && file.ready ? file : undefined
    }
    yield* waitUntil(() => ready() !== undefined || !isRunning(server), defaultLimits.embeddedReadyMs)
    const pidFile = ready()
    if (pidFile !== undefined && isRunning(server)) return pidFile
    const what = isRunning(server) ? `it was not ready after ${defaultLimits.embeddedReadyMs} ms` : "it ended"
    return yield* new StepFailed({ reason: `${what}; the end of ${logFile}:\n${logTail(logFile, logFrom)}` })
  })

interface Launch {
  readonly options: PostgresOptions
  readonly dataDir: string
  readonly binaries: PostgresBinaries
  readonly settings: ClusterSettings
}

const launchOnce = ({
  options: { home },
  dataDir,
  binaries,
  settings
}: Launch): Effect.Effect<Running, StepFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const port = yield* stablePort(home, "postgres")
    configure(dataDir, settings, port, socketDirectory(home), home.runAs)
    const logFile = join(home.logsDir, "postgres.log")
    const logFrom = logSize(logFile)
    const command = {
      file: binaries.postgres,
      args: ["-D", dataDir],
      cwd: "/",
      env: serverEnvironment,
      logFile,
      runAs: home.runAs
    }
    const process = yield* Effect.acquireRelease(spawnServer(command), (server) => stopAndTidy(server, home))
    const pidFile = yield* awaitReady(process, dataDir, logFile, logFrom).pipe(withProgress("starting PostgreSQL"))
    yield* keepPort(home, "postgres", port)
    return { process, pidFile, adopted: false }
  })

/** Between choosing a port and PostgreSQL binding it another program may take it; then the next free one will do. */
const launch = (what: Launch): Effect.Effect<Running, StepFailed, Scope.Scope> =>
  launchOnce(what).pipe(
    Effect.retry({
      times: defaultLimits.embeddedPortTriesMax,
      while: (error) => /could not create any TCP\/IP sockets/.test(error.message)
    })
  )

const adopt = (
  home: ClaimedHome,
  dataDir: string,
  password: string
): Effect.Effect<Running | undefined, never, Scope.Scope> =>
  Effect.gen(function* () {
    const found = runningPostmaster(dataDir)
    if (found === undefined || !found.pidFile.ready) return undefined
    const answers = yield* Effect.exit(ensureDatabase(password, found.pidFile))
    if (answers._tag === "Failure") return undefined
    yield* Effect.addFinalizer(() => stopAndTidy(found.process, home))
    return found
  })

const startFresh = (
  options: PostgresOptions,
  dataDir: string,
  password: string
): Effect.Effect<Running, StepFailed | ClusterNotUsable | PostgresBinariesMissing, Scope.Scope> =>
  Effect.gen(function* () {
    const durable = options.durable ?? true
    const settings = {
      durable,
      maxConnections: options.maxConnections ?? 60,
      sharedBuffersMb: options.sharedBuffersMb ?? 256
    }
    const root = options.binariesRoot ?? (yield* packagedBinariesRoot())
    const binaries = yield* usablePostgresBinaries(options.home, root)
    yield* clearTheWay(dataDir).pipe(withProgress("waiting for an earlier PostgreSQL to end"))
    yield* ensureCluster(options.home, dataDir, binaries, password, durable).pipe(
      withProgress("making the PostgreSQL cluster")
    )
    const running = yield* launch({ options, dataDir, binaries, settings })
    yield* ensureDatabase(password, running.pidFile)
    return running
  })

/**
 * The PostgreSQL of a home: made on the first start, adopted when it still runs (its parent was killed), started otherwise. Listens on a private unix
 * socket and on a port of 127.0.0.1 that stays the same while it is free. Stops with the scope: fast shut-down, after `embeddedStopMs` immediate.
 */
export const startPostgres = (
  options: PostgresOptions
): Effect.Effect<RunningPostgres, PostgresDidNotStart, Scope.Scope> =>
  Effect.gen(function* () {
    const { home } = options
    const password = yield* secret(home, "postgres-password")
    const dataDir = join(home.dataDir, "postgres")
    const running = (yield* adopt(home, dataDir, password)) ?? (yield* startFresh(options, dataDir, password))
    return {
      socketUrl: socketUrlOf(password, running.pidFile, POSTGRES_DATABASE),
      tcpUrl: tcpUrlOf(password, running.pidFile),
      pid: running.process.pid,
      adopted: running.adopted
    }
  }).pipe(
    Effect.catchDefect((defect) => Effect.fail(stepFailed(defect))),
    Effect.mapError((error) => new PostgresDidNotStart({ home: options.home.root, reason: error.message }))
  )
