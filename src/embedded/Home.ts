import { createHash, randomBytes } from "node:crypto"
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { Data, Effect, type Scope } from "effect"
import { linkOnce, readIfPresent, writeAtomically } from "./AtomicFile.ts"
import { identify, isRunning, type ProcessIdentity, self } from "./ProcessTable.ts"
import { canTraverse, isRoot, type RunAs, unprivilegedAccount } from "./RunAs.ts"

/** Another live process works with this home. */
export class HomeInUse extends Data.TaggedError("HomeInUse")<{ readonly home: string; readonly pid: number }> {
  override get message() {
    return `${this.home} is in use by process ${this.pid}. Stop it, or set DROPMATE_HOME to another folder.`
  }
}

/** The home cannot be made or written. */
export class HomeNotUsable extends Data.TaggedError("HomeNotUsable")<{
  readonly home: string
  readonly reason: string
}> {
  override get message() {
    return `${this.home} cannot be used: ${this.reason}`
  }
}

/** Where one installation keeps what it makes. All paths are absolute and resolved. */
export interface Home {
  readonly root: string
  /** 0700; files 0600. */
  readonly secretsDir: string
  /** 0700. */
  readonly logsDir: string
  /** What people uploaded. 0700. */
  readonly filesDir: string
  /** Downloads, readable by every account; may be shared by several homes. */
  readonly cacheDir: string
  /** Data of the servers; passable by the account they run under. Outside `root` only where that account cannot reach it. */
  readonly dataDir: string
  /** Short (well under the 107 bytes of a socket's address), private to the servers' account. */
  readonly socketDir: string
  /** The account of the servers when this process is root. */
  readonly runAs: RunAs | undefined
}

declare const claimed: unique symbol
/** A home that no other live process works with. Only `claimHome` makes one. */
export type ClaimedHome = Home & { readonly [claimed]: true }

/** `.dropmate` beside package.json. */
export const defaultHomeRoot = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), ".dropmate")

export interface HomeOptions {
  /** DROPMATE_HOME. */
  readonly root?: string | undefined
  /** DROPMATE_CACHE; `cache` in the home unless given. */
  readonly cacheDir?: string | undefined
}

/** Independent of the umask, which mkdir's own mode is not. */
const directory = (path: string, mode: number): string => {
  if (!existsSync(path)) {
    mkdirSync(path, { recursive: true })
    chmodSync(path, mode)
  }
  return realpathSync(path)
}

const shortHash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 12)

/**
 * A home below a folder that is closed to other accounts (root's own, say) cannot hold the data of a server that runs under one. Its data then
 * lives in /var/lib/dropmate, under a name that ends with the home: a home that was deleted and made anew does not meet its old data.
 */
const dataDirOf = (root: string, secretsDir: string, runAs: RunAs | undefined): string => {
  if (runAs === undefined || canTraverse(runAs, root)) return directory(join(root, "data"), 0o755)
  const name = shortHash(`${root} ${secretIn(secretsDir, "home-id")}`)
  return directory(join(directory("/var/lib/dropmate", 0o755), name), 0o755)
}

/** The user's own runtime folder where there is one, else /tmp: never $TMPDIR, which may be long and differs between shells. */
const socketParent = (): string => {
  const runtime = process.env.XDG_RUNTIME_DIR
  if (isRoot() || runtime === undefined || runtime.length > 40 || !existsSync(runtime)) return "/tmp"
  return lstatSync(runtime).uid === process.getuid?.() ? runtime : "/tmp"
}

/** The folder of the home's socket. */
export const socketDirOf = (root: string): string => join(socketParent(), `dropmate-${shortHash(root)}`)

const layOut = (options: HomeOptions): Home => {
  const root = directory(options.root ?? defaultHomeRoot, 0o755)
  accessSync(root, constants.W_OK)
  const secretsDir = directory(join(root, "secrets"), 0o700)
  const runAs = isRoot() ? unprivilegedAccount() : undefined
  return {
    root,
    secretsDir,
    logsDir: directory(join(root, "logs"), 0o700),
    filesDir: directory(join(root, "files"), 0o700),
    cacheDir: directory(options.cacheDir ?? join(root, "cache"), 0o755),
    dataDir: dataDirOf(root, secretsDir, runAs),
    socketDir: socketDirOf(root),
    runAs
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Makes the folders that are missing. Claims nothing: reading needs no claim. */
export const openHome = (options: HomeOptions = {}): Effect.Effect<Home, HomeNotUsable> =>
  Effect.try({
    try: () => layOut(options),
    catch: (error) => new HomeNotUsable({ home: options.root ?? defaultHomeRoot, reason: reasonOf(error) })
  })

const claimsDirOf = (home: Home): string => join(home.root, "claims")
const claimName = ({ pid, startTicks }: ProcessIdentity): string => `${pid}-${startTicks}`

/** A live process with a claim other than `mine`. Removes the claims of dead ones; their names cannot come back. */
const otherClaimant = (claimsDir: string, mine: string): number | undefined => {
  for (const name of readdirSync(claimsDir)) {
    if (name === mine) continue
    const [pid = "", startTicks = ""] = name.split("-")
    if (isRunning({ pid: Number(pid), startTicks })) return Number(pid)
    rmSync(join(claimsDir, name), { force: true })
  }
  return undefined
}

const CLAIM_TRIES = 10

/**
 * Makes this process the only one that works with the home, until the scope closes or the process dies, however it dies.
 * Each first writes a claim under its own name, then looks for others': of two, at least the later sees the earlier, so both can never go on.
 * Two at the same instant both step back; a few tries at random distances let one of them through.
 */
export const claimHome = (home: Home): Effect.Effect<ClaimedHome, HomeInUse | HomeNotUsable, Scope.Scope> =>
  Effect.gen(function* () {
    const claimsDir = claimsDirOf(home)
    const mine = claimName(self())
    const path = join(claimsDir, mine)
    let holder = process.pid
    for (let tries = 0; tries < CLAIM_TRIES; tries++) {
      const taken = yield* Effect.acquireRelease(tryClaim(home, path, mine), (result) =>
        Effect.sync(() => result._tag === "Mine" && rmSync(path, { force: true }))
      )
      if (taken._tag === "Mine") return home as ClaimedHome
      holder = taken.pid
      if (holder === process.pid) break
      yield* Effect.sleep(10 + Math.random() * 30)
    }
    return yield* new HomeInUse({ home: home.root, pid: holder })
  })

type Claim = { readonly _tag: "Mine" } | { readonly _tag: "Theirs"; readonly pid: number }

const tryClaim = (home: Home, path: string, mine: string): Effect.Effect<Claim, HomeNotUsable> =>
  Effect.try({
    try: (): Claim => {
      directory(dirname(path), 0o755)
      if (existsSync(path)) return { _tag: "Theirs", pid: process.pid }
      writeFileSync(path, "", { flag: "wx" })
      const other = otherClaimant(dirname(path), mine)
      if (other === undefined) return { _tag: "Mine" }
      rmSync(path, { force: true })
      return { _tag: "Theirs", pid: other }
    },
    catch: (error) => new HomeNotUsable({ home: home.root, reason: reasonOf(error) })
  })

const secretIn = (secretsDir: string, name: string): string => {
  const path = join(secretsDir, name)
  if (!existsSync(path)) linkOnce(path, randomBytes(24).toString("base64url"), 0o600)
  return readFileSync(path, "utf8")
}

/** The secret of that name: 192 random bits as 32 URL-safe characters, made by whichever process asks first and the same for all after it. */
export const secret = (home: Home, name: string): Effect.Effect<string, HomeNotUsable> =>
  Effect.try({
    try: () => secretIn(home.secretsDir, name),
    catch: (error) => new HomeNotUsable({ home: home.root, reason: reasonOf(error) })
  })

/** What a running instance tells the commands beside it (`dropmate env`). The URLs hold passwords. */
export interface Instance extends ProcessIdentity {
  readonly urls: { readonly [name: string]: string }
}

const instanceFileOf = (home: Home): string => join(home.root, "instance.json")

/** Publishes this process's URLs, readable by the same user only, until the scope closes. */
export const publishInstance = (home: ClaimedHome, urls: Instance["urls"]): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() =>
      writeAtomically(instanceFileOf(home), `${JSON.stringify({ ...self(), urls }, null, 2)}\n`, 0o600)
    ),
    () => Effect.sync(() => rmSync(instanceFileOf(home), { force: true }))
  )

/** The instance that runs with this home; undefined when none does, also when one died without withdrawing its file. */
export const readInstance = (home: Pick<Home, "root">): Instance | undefined => {
  const text = readIfPresent(join(home.root, "instance.json"))
  if (text === undefined) return undefined
  const instance = JSON.parse(text) as Instance
  return identify(instance.pid)?.startTicks === instance.startTicks ? instance : undefined
}
