import { randomBytes } from "node:crypto"
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Exit, Redacted, Scope } from "effect"
import { type EmbeddedServices, startEmbedded } from "../src/embedded/EmbeddedServices.ts"
import { defaultHomeRoot } from "../src/embedded/Home.ts"
import { migrate } from "../src/persistence/Migrations.ts"
import { BenchDatabase } from "./BenchDatabase.ts"
import type { LoadOperations } from "./load/LoadOperations.ts"
import type { Operations } from "./process/Answering.ts"
import { BenchProcess } from "./process/BenchProcess.ts"
import type { ServerOperations, ServerPlan } from "./server/ServerOperations.ts"

/** Contestants that listen, by the file of their process. */
const servers = {
  engine: new URL("./server/EngineProcess.ts", import.meta.url),
  bare: new URL("./server/BareSocketsProcess.ts", import.meta.url),
  "ws-json": new URL("./server/WsJsonProcess.ts", import.meta.url),
  "socket.io": new URL("./server/SocketIoProcess.ts", import.meta.url)
} as const

export type Contestant = keyof typeof servers

/** A contestant that listens. */
export interface RunningServer {
  readonly process: BenchProcess<ServerOperations>
  readonly port: number
}

/**
 * What every measurement stands on: a PostgreSQL and a Redis of the bench's own in a temporary home (durable: fsync and
 * synchronous_commit on), the schema, and the processes that are started for it. `close` ends all of it.
 */
export class BenchStage {
  readonly database: BenchDatabase
  readonly plan: ServerPlan
  readonly postgresPid: number
  readonly redisPid: number
  private readonly root: string
  private readonly scope: Scope.Closeable
  private readonly processes = new Map<string, BenchProcess<Operations>>()
  private readonly ports = new Map<string, number>()

  private readonly profileDir: string | undefined

  private constructor(
    root: string,
    scope: Scope.Closeable,
    services: EmbeddedServices,
    plan: ServerPlan,
    database: BenchDatabase,
    profileDir: string | undefined
  ) {
    this.root = root
    this.profileDir = profileDir
    this.scope = scope
    this.plan = plan
    this.database = database
    this.postgresPid = services.postgres.pid
    this.redisPid = services.redis.pid
  }

  static async open(profileDir: string | undefined): Promise<BenchStage> {
    const root = mkdtempSync(join(tmpdir(), "dropmate-bench-"))
    // The servers run as another account when the bench runs as root.
    chmodSync(root, 0o755)
    const scope = Effect.runSync(Scope.make())
    const services = await Effect.runPromise(
      startEmbedded({ root: join(root, "home"), cacheDir: join(defaultHomeRoot, "cache") }).pipe(Scope.provide(scope))
    )
    const databaseUrl = Redacted.make(services.postgres.socketUrl)
    await Effect.runPromise(migrate(databaseUrl))
    const secret = randomBytes(32).toString("hex")
    const database = await BenchDatabase.connect(databaseUrl, Redacted.make(secret))
    const plan = { databaseUrl: services.postgres.socketUrl, redisUrl: services.redis.url, secret }
    return new BenchStage(root, scope, services, plan, database, profileDir)
  }

  /** The process of a contestant, started when it is first asked for and kept. */
  async server(contestant: Contestant, nodeArgs: ReadonlyArray<string> = []): Promise<RunningServer> {
    const profile =
      contestant !== "engine" || this.profileDir === undefined
        ? []
        : ["--cpu-prof", `--cpu-prof-dir=${this.profileDir}`]
    const process = await this.process<ServerOperations>(contestant, servers[contestant], [...nodeArgs, ...profile])
    const port = this.ports.get(contestant) ?? (await process.ask("listen", this.plan))
    this.ports.set(contestant, port)
    return { process, port }
  }

  load(): Promise<BenchProcess<LoadOperations>> {
    return this.process<LoadOperations>("load", new URL("./load/LoadProcess.ts", import.meta.url))
  }

  async process<Ops extends Operations>(
    name: string,
    file: URL,
    nodeArgs: ReadonlyArray<string> = []
  ): Promise<BenchProcess<Ops>> {
    const known = this.processes.get(name)
    if (known !== undefined) return known as unknown as BenchProcess<Ops>
    const made = await BenchProcess.start<Ops>(name, file, { nodeArgs })
    this.processes.set(name, made as unknown as BenchProcess<Operations>)
    return made
  }

  /** Ends one process, so that the next use starts a fresh one. */
  async end(name: string): Promise<void> {
    const process = this.processes.get(name)
    this.processes.delete(name)
    this.ports.delete(name)
    await process?.stop()
  }

  async close(): Promise<void> {
    for (const name of [...this.processes.keys()]) await this.end(name)
    await this.database.close()
    await Effect.runPromise(Scope.close(this.scope, Exit.void))
    rmSync(this.root, { recursive: true, force: true })
  }
}
