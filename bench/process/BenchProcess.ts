import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { type Answer, type Operations, type Question, readyMessage } from "./Answering.ts"

/** A process of the bench ended, or answered with an error. */
export class BenchProcessFailed extends Error {
  readonly _tag = "BenchProcessFailed"
  constructor(name: string, reason: string) {
    super(`bench process ${name}: ${reason}`)
  }
}

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** How long a process may take to end before it is killed, and how long an answer may take. */
const stopMs = 15_000
const answerMs = 180_000

/**
 * A contestant or a load generator in a process of its own, so that their CPU can be told apart. Asked over IPC, one typed
 * operation at a time or several.
 */
export class BenchProcess<Ops extends Operations> {
  readonly name: string
  readonly pid: number
  private readonly child: ChildProcess
  private readonly waiting = new Map<number, Waiting>()
  private nextId = 1
  private stderr = ""

  private constructor(name: string, child: ChildProcess) {
    this.name = name
    this.child = child
    this.pid = child.pid ?? 0
    child.stderr?.on("data", (chunk: Buffer) => {
      this.stderr = (this.stderr + chunk.toString("utf8")).slice(-4_000)
    })
    child.on("message", (message: Answer) => this.settle(message))
    child.on("exit", (code, signal) => this.ended(`ended with ${code ?? signal}\n${this.stderr}`))
    child.on("error", (error) => this.ended(error.message))
  }

  /** Starts `file` (a URL beside the caller's) and waits until it can be asked. */
  static async start<Ops extends Operations>(
    name: string,
    file: URL,
    options: { readonly env?: Readonly<Record<string, string>>; readonly nodeArgs?: ReadonlyArray<string> } = {}
  ): Promise<BenchProcess<Ops>> {
    const child = fork(fileURLToPath(file), [], {
      execArgv: ["--disable-warning=ExperimentalWarning", ...(options.nodeArgs ?? [])],
      env: { ...process.env, NODE_OPTIONS: "", ...options.env },
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      // A Ctrl-C reaches the bench itself, which stops its processes in order.
      detached: true
    })
    const made = new BenchProcess<Ops>(name, child)
    await new Promise<void>((resolve, reject) => {
      made.waiting.set(0, { resolve: () => resolve(), reject })
    })
    return made
  }

  ask<Name extends keyof Ops & string>(
    operation: Name,
    input: Parameters<Ops[Name]>[0]
  ): Promise<Awaited<ReturnType<Ops[Name]>>> {
    const id = this.nextId++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id)
        reject(new BenchProcessFailed(this.name, `no answer to ${operation} within ${answerMs} ms`))
      }, answerMs)
      const done = (act: () => void): void => {
        clearTimeout(timer)
        act()
      }
      this.waiting.set(id, {
        resolve: (value) => done(() => resolve(value as Awaited<ReturnType<Ops[Name]>>)),
        reject: (error) => done(() => reject(error))
      })
      this.child.send({ id, operation, input } satisfies Question)
    })
  }

  /** Hangs up, which ends the process; kills it when it does not end. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = new Promise<void>((resolve) => this.child.once("exit", () => resolve()))
    this.child.kill("SIGTERM")
    const timer = setTimeout(() => this.child.kill("SIGKILL"), stopMs)
    await ended
    clearTimeout(timer)
  }

  private settle(message: Answer | typeof readyMessage): void {
    if (message === readyMessage) {
      this.waiting.get(0)?.resolve(undefined)
      this.waiting.delete(0)
      return
    }
    const waiting = this.waiting.get(message.id)
    if (waiting === undefined) return
    this.waiting.delete(message.id)
    if ("error" in message) waiting.reject(new BenchProcessFailed(this.name, message.error))
    else waiting.resolve(message.value)
  }

  private ended(reason: string): void {
    for (const { reject } of this.waiting.values()) reject(new BenchProcessFailed(this.name, reason))
    this.waiting.clear()
  }
}
