import { spawn } from "node:child_process"
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { Data, Effect } from "effect"
import type { ClaimedHome, Home } from "./Home.ts"
import type { PostgresBinaries } from "./PostgresBinaries.ts"
import type { RunAs } from "./RunAs.ts"
import { StepFailed, stepFailed } from "./StepFailed.ts"

/** The superuser of an embedded cluster. */
export const POSTGRES_USER = "dropmate_owner"
/** The database that the application lives in. */
export const POSTGRES_DATABASE = "dropmate"

/** The cluster on disk could not be made or does not fit the binaries. */
export class ClusterNotUsable extends Data.TaggedError("ClusterNotUsable")<{
  readonly dataDir: string
  readonly reason: string
}> {
  override get message() {
    return `The PostgreSQL cluster ${this.dataDir} cannot be used: ${this.reason}`
  }
}

export interface ClusterSettings {
  /** False: no fsync, for throw-away clusters. A crash of the machine may destroy the cluster; a crash of the server loses nothing. */
  readonly durable: boolean
  readonly maxConnections: number
  readonly sharedBuffersMb: number
}

const give = (path: string, to: RunAs | undefined): void => {
  if (to !== undefined) chownSync(path, to.uid, to.gid)
}

/** A folder for the servers' account alone. */
export const privateDirectory = (path: string, owner: RunAs | undefined): string => {
  if (!existsSync(path)) mkdirSync(path, { recursive: true, mode: 0o700 })
  give(path, owner)
  chmodSync(path, 0o700)
  return realpathSync(path)
}

/** The socket's folder. In /tmp anybody may have made it first: one that another account owns is refused, not trusted. */
export const socketDirectory = (home: Home): string => {
  const expected = home.runAs?.uid ?? process.getuid?.()
  if (existsSync(home.socketDir)) {
    const found = lstatSync(home.socketDir)
    if (!found.isDirectory() || (found.uid !== expected && found.uid !== process.getuid?.())) {
      throw new Error(`${home.socketDir} belongs to another account (uid ${found.uid}); remove it`)
    }
  }
  return privateDirectory(home.socketDir, home.runAs)
}

/** Nothing of the caller's environment (PGDATA, PGPORT, NODE_OPTIONS) may reach the server. */
export const serverEnvironment = { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" }

const initdbArgs = (dataDir: string, passwordFile: string, durable: boolean): Array<string> => [
  `--pgdata=${dataDir}`,
  `--username=${POSTGRES_USER}`,
  `--pwfile=${passwordFile}`,
  "--auth-local=scram-sha-256",
  "--auth-host=scram-sha-256",
  "--encoding=UTF8",
  "--locale=C",
  "--data-checksums",
  "--no-instructions",
  ...(durable ? [] : ["--no-sync"])
]

/** Works in `folder`, as the servers work in theirs, so that who cleans up after a killed process can tell whose it is. */
const runInitdb = (
  binaries: PostgresBinaries,
  folder: string,
  args: ReadonlyArray<string>,
  runAs: RunAs | undefined
): Effect.Effect<void, StepFailed> =>
  Effect.callback<void, StepFailed>((resume) => {
    const account = runAs === undefined ? {} : { uid: runAs.uid, gid: runAs.gid }
    const child = spawn(binaries.initdb, [...args], {
      cwd: folder,
      env: serverEnvironment,
      stdio: ["ignore", "pipe", "pipe"],
      ...account
    })
    let output = ""
    const keep = (chunk: Buffer) => {
      output = `${output}${chunk.toString("utf8")}`.slice(-4_000)
    }
    child.stdout.on("data", keep)
    child.stderr.on("data", keep)
    child.once("error", (error) => resume(Effect.fail(stepFailed(error))))
    child.once("close", (code, signal) =>
      resume(
        code === 0
          ? Effect.void
          : Effect.fail(
              new StepFailed({
                reason: `initdb ended with ${signal ?? code}: ${output.trim().split("\n").slice(-4).join(" | ")}`
              })
            )
      )
    )
    return Effect.sync(() => child.kill("SIGTERM"))
  })

/** Made beside its place and renamed when whole, so that an interrupted first start leaves no half cluster that later starts trip over. */
const create = (home: ClaimedHome, dataDir: string, binaries: PostgresBinaries, password: string, durable: boolean) =>
  Effect.gen(function* () {
    for (const left of readdirSync(home.dataDir).filter((name) => name.startsWith("postgres.new"))) {
      rmSync(join(home.dataDir, left), { recursive: true, force: true })
    }
    const fresh = privateDirectory(join(home.dataDir, "postgres.new"), home.runAs)
    // The servers' account cannot enter the folder of secrets, so initdb reads the password from its own folder, for as long as it runs.
    const passwordFile = join(fresh, "password")
    writeFileSync(passwordFile, password, { mode: 0o600 })
    give(passwordFile, home.runAs)
    const cluster = privateDirectory(join(fresh, "cluster"), home.runAs)
    yield* runInitdb(binaries, fresh, initdbArgs(cluster, passwordFile, durable), home.runAs)
    renameSync(cluster, dataDir)
    rmSync(fresh, { recursive: true, force: true })
  })

/** Makes the cluster unless it exists, and checks that it is of the binaries' major version. */
export const ensureCluster = (
  home: ClaimedHome,
  dataDir: string,
  binaries: PostgresBinaries,
  password: string,
  durable: boolean
): Effect.Effect<void, ClusterNotUsable> =>
  Effect.gen(function* () {
    const versionFile = join(dataDir, "PG_VERSION")
    if (!existsSync(versionFile)) yield* create(home, dataDir, binaries, password, durable)
    const version = Number(readFileSync(versionFile, "utf8").trim())
    if (version === binaries.majorVersion) return
    return yield* new StepFailed({
      reason: `it was made by PostgreSQL ${version}; these binaries are ${binaries.majorVersion}`
    })
  }).pipe(
    Effect.catchDefect((defect) => Effect.fail(stepFailed(defect))),
    Effect.mapError((error) => new ClusterNotUsable({ dataDir, reason: error.message }))
  )

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

const configuration = (settings: ClusterSettings, port: number, socketDir: string): string =>
  [
    "# Written at every start. Settings of your own belong into postgresql.conf after the include, or ALTER SYSTEM.",
    "listen_addresses = '127.0.0.1'",
    `port = ${port}`,
    `unix_socket_directories = ${quoted(socketDir)}`,
    "unix_socket_permissions = 0700",
    "password_encryption = 'scram-sha-256'",
    `max_connections = ${settings.maxConnections}`,
    `shared_buffers = '${settings.sharedBuffersMb}MB'`,
    "wal_level = replica",
    "max_wal_size = '2GB'",
    "checkpoint_timeout = '15min'",
    "timezone = 'UTC'",
    "log_timezone = 'UTC'",
    "log_line_prefix = '%m [%p] %q%u@%d '",
    // On in throw-away clusters too: a write without fsync is cheap, and a commit then outlives a killed server there as well.
    "synchronous_commit = on",
    ...["fsync", "full_page_writes"].map((name) => `${name} = ${settings.durable ? "on" : "off"}`),
    ""
  ].join("\n")

const INCLUDE = "include_if_exists = 'dropmate.conf'"

/** Writes the settings into a file of their own, which postgresql.conf includes. */
export const configure = (
  dataDir: string,
  settings: ClusterSettings,
  port: number,
  socketDir: string,
  owner: RunAs | undefined
): void => {
  const file = join(dataDir, "dropmate.conf")
  writeFileSync(file, configuration(settings, port, socketDir), { mode: 0o600 })
  give(file, owner)
  const main = join(dataDir, "postgresql.conf")
  const text = readFileSync(main, "utf8")
  if (!text.includes(INCLUDE)) writeFileSync(main, `${text}\n${INCLUDE}\n`)
}
