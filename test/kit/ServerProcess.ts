import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readFileSync } from "node:fs"
import { createServer } from "node:net"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { inject, onTestFailed, onTestFinished } from "vitest"
import { openToServers, wipeHomeSync } from "./TestHome.ts"
import { until } from "./Until.ts"

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** The administrator of every server that tests start as a process. */
export const processAdmin = { email: "admin@test.example", password: "correct horse battery staple" }

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Environment of a server besides its ports, home and administrator. Without DATABASE_URL it runs its own PostgreSQL, so too Redis. */
export type ServerEnvironment = Readonly<Record<string, string>>

/** One line of the server's log. */
export interface LogLine {
  readonly level: string
  /** The first part of the message. */
  readonly event: string
  readonly text: string
}

const isBindable = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer()
    probe.once("error", () => resolve(false))
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)))
  })

/**
 * A free port below the range that outgoing connections take theirs from: while a killed server is down, a client that connects
 * to its port again and again would otherwise meet itself one day (a TCP simultaneous open).
 */
export const quietPort = async (): Promise<number> => {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    if (await isBindable(port)) return port
  }
}

const readyMs = 60_000
/** A little more than the ten seconds within which SIGTERM must have worked. */
const stopMs = 15_000
const disposeMs = 40_000
const startTriesMax = 4

/**
 * The real server as a child process: killed, stopped and started again over the same home and the same ports. Its home lies below
 * the run's folder; embedded PostgreSQL and Redis that a killed server left behind are stopped with it.
 */
export class ServerProcess {
  readonly httpPort: number
  readonly realtimePort: number
  readonly home: string
  readonly starts: Array<number> = []
  private readonly environment: ServerEnvironment
  private readonly flags: ReadonlyArray<string>
  private readonly lines: Array<string> = []
  private child: ChildProcess | undefined
  private ended: Promise<ProcessEnd> | undefined

  private constructor(
    httpPort: number,
    realtimePort: number,
    home: string,
    environment: ServerEnvironment,
    flags: ReadonlyArray<string>
  ) {
    this.httpPort = httpPort
    this.realtimePort = realtimePort
    this.home = home
    this.environment = environment
    this.flags = flags
  }

  /** Starts a server and waits until it is ready. It ends with the test. `flags` are those of `serve`. */
  static async start(environment: ServerEnvironment = {}, flags: ReadonlyArray<string> = []): Promise<ServerProcess> {
    const home = mkdtempSync(join(inject("testHome"), "server-"))
    openToServers(home)
    const server = new ServerProcess(await quietPort(), await quietPort(), home, environment, flags)
    onTestFailed(() => {
      process.stderr.write(`the end of the server's log:\n${server.lines.slice(-30).join("\n")}\n`)
    })
    onTestFinished(() => server.dispose(), disposeMs)
    await server.startAgain()
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${this.httpPort}`
  }

  /** The driver's socket: through the HTTP port like the outside, or directly at the realtime port. */
  driverUrl(way: "http" | "realtime"): string {
    return `ws://127.0.0.1:${way === "http" ? this.httpPort : this.realtimePort}/v1/driver`
  }

  get pid(): number {
    const pid = this.child?.pid
    if (pid === undefined) throw new Error("the server is not running")
    return pid
  }

  get isRunning(): boolean {
    return this.child !== undefined
  }

  /**
   * Starts over the same home and waits for /readyz. A start that ends because a busy PostgreSQL did not answer in time is repeated, as any
   * supervisor would. `environment` is added to that of the first start.
   */
  async startAgain(environment: ServerEnvironment = {}): Promise<void> {
    for (let tries = 1; ; tries++) {
      const linesBefore = this.lines.length
      try {
        return await this.startOnce(environment)
      } catch (error) {
        const isBusy = this.lines.slice(linesBefore).some((line) => line.includes("cannot be reached: timeout expired"))
        if (this.child !== undefined || !isBusy || tries === startTriesMax) throw error
      }
    }
  }

  private async startOnce(environment: ServerEnvironment): Promise<void> {
    const beganAt = performance.now()
    const child = spawn(process.execPath, ["src/main.ts", "serve", ...this.flags], {
      cwd: root,
      stdio: ["ignore", "inherit", "pipe"],
      env: {
        PATH: process.env.PATH,
        DROPMATE_HOME: this.home,
        DROPMATE_CACHE: inject("cacheDir"),
        HTTP_PORT: String(this.httpPort),
        REALTIME_PORT: String(this.realtimePort),
        DROPMATE_ADMIN_EMAIL: processAdmin.email,
        DROPMATE_ADMIN_PASSWORD: processAdmin.password,
        DROPMATE_SECRET: "a secret of the promises, thirty-two bytes or more",
        LOG_FORMAT: "json",
        ...this.environment,
        ...environment
      }
    })
    this.child = child
    child.stderr?.setEncoding("utf8")
    let rest = ""
    child.stderr?.on("data", (text: string) => {
      const parts = (rest + text).split("\n")
      rest = parts.pop() ?? ""
      this.lines.push(...parts)
    })
    this.ended = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        if (this.child === child) this.child = undefined
        resolve({ code, signal })
      })
    })
    await until(
      "the server's readiness",
      () => this.readiness(),
      (status) => status === 200,
      readyMs
    )
    this.starts.push(Math.round(performance.now() - beganAt))
  }

  private async readiness(): Promise<number> {
    if (this.child === undefined) throw new Error(`the server ended before it was ready:\n${this.lines.join("\n")}`)
    try {
      return (await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(2_000) })).status
    } catch {
      return 0 // nobody listens yet
    }
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name)
  }

  /** How the process of the last start ended, once it has. */
  async end(): Promise<ProcessEnd> {
    if (this.ended === undefined) throw new Error("the server was never started")
    return this.ended
  }

  async kill9(): Promise<void> {
    this.signal("SIGKILL")
    await this.end()
  }

  /** Resident memory, bytes. */
  rssBytes(): number {
    const pages = Number(readFileSync(`/proc/${this.pid}/statm`, "utf8").split(" ")[1])
    return pages * 4_096
  }

  /** What it has logged over all its starts. Lines that are not JSON (progress, a crash) come with level "". */
  log(): ReadonlyArray<LogLine> {
    return this.lines.map((text) => {
      if (!text.startsWith("{")) return { level: "", event: text, text }
      const { level, message } = JSON.parse(text) as { readonly level: string; readonly message: unknown }
      return { level, event: String(Array.isArray(message) ? message[0] : message), text }
    })
  }

  /** A counter or gauge of /metrics, summed over its labels that match. */
  async metric(name: string, label = ""): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text()
    let sum = 0
    for (const line of text.split("\n")) {
      if (line.startsWith(name) && /^[{ ]/.test(line.slice(name.length)) && line.includes(label))
        sum += Number(line.slice(line.lastIndexOf(" ") + 1))
    }
    return sum
  }

  /** Ends it, whatever state it is in, with everything it started. */
  private async dispose(): Promise<void> {
    if (this.child !== undefined) {
      this.signal("SIGCONT")
      this.signal("SIGTERM")
      const child = this.child
      const timer = setTimeout(() => child.kill("SIGKILL"), stopMs)
      await this.end()
      clearTimeout(timer)
    }
    wipeHomeSync(this.home)
  }
}
