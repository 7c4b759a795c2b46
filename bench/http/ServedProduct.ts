import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { BenchProcessFailed } from "../process/BenchProcess.ts"
import type { ServerPlan } from "../server/ServerOperations.ts"

const mainFile = fileURLToPath(new URL("../../src/main.ts", import.meta.url))
const readyMs = 60_000
const askEveryMs = 100
const stopMs = 15_000

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once("error", reject)
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

/**
 * `dropmate serve` over the bench's own PostgreSQL and Redis, with the role api alone: whoever works off the outbox would take its
 * rows away under the gate, and cost both contestants what belongs to neither.
 */
export class ServedProduct {
  readonly port: number
  readonly pid: number
  private readonly child: ChildProcess
  private readonly home: string

  private constructor(child: ChildProcess, port: number, home: string) {
    this.child = child
    this.pid = child.pid ?? 0
    this.port = port
    this.home = home
  }

  /** Waits until it is ready. One proxy is trusted, so that requests may come from many addresses. */
  static async start(plan: ServerPlan, profileDir: string | undefined): Promise<ServedProduct> {
    const home = mkdtempSync(join(tmpdir(), "dropmate-bench-serve-"))
    const [port, realtimePort] = [await freePort(), await freePort()]
    const profile = profileDir === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`]
    const child = spawn(process.execPath, [...profile, mainFile, "serve", "--roles", "api"], {
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
      env: {
        PATH: process.env.PATH,
        DROPMATE_HOME: home,
        HTTP_PORT: String(port),
        REALTIME_PORT: String(realtimePort),
        DATABASE_URL: plan.databaseUrl,
        REDIS_URL: plan.redisUrl,
        DROPMATE_SECRET: plan.secret,
        DROPMATE_ADMIN_EMAIL: "admin@bench.invalid",
        DROPMATE_ADMIN_PASSWORD: plan.secret,
        TRUSTED_PROXY_HOPS: "1"
      }
    })
    let told = ""
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      told = (told + text).slice(-4_000)
    })
    const product = new ServedProduct(child, port, home)
    for (const untilMs = Date.now() + readyMs; !(await product.isReady()); ) {
      if (child.exitCode !== null || Date.now() > untilMs) {
        await product.stop()
        throw new BenchProcessFailed("serve", `was not ready\n${told}`)
      }
      await new Promise((resolve) => setTimeout(resolve, askEveryMs))
    }
    return product
  }

  private async isReady(): Promise<boolean> {
    try {
      return (await fetch(`http://127.0.0.1:${this.port}/readyz`, { signal: AbortSignal.timeout(2_000) })).ok
    } catch {
      return false // nobody listens yet
    }
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = new Promise<void>((resolve) => this.child.once("exit", () => resolve()))
      this.child.kill("SIGTERM")
      const timer = setTimeout(() => this.child.kill("SIGKILL"), stopMs)
      await ended
      clearTimeout(timer)
    }
    rmSync(this.home, { recursive: true, force: true })
  }
}
