import { type ChildProcess, spawn } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"

/** A NATS server of the bench's own, on a free port of the loopback. */
export interface NatsServer {
  readonly port: number
  readonly pid: number
  /** Resolves once the process has ended. */
  readonly stop: () => Promise<void>
}

const command = "nats-server"
const startMs = 10_000

/** Where Debian and others put it, and where PATH points; not every account's PATH has the folders for servers. */
const folders = (): ReadonlyArray<string> => [
  ...(process.env.PATH ?? "").split(delimiter),
  "/usr/sbin",
  "/usr/local/sbin"
]

/** The program, or undefined when this machine has none. */
export const natsCommand = (): string | undefined =>
  folders()
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, command))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        // Not in this folder, or not to be run.
        return false
      }
    })

/** Starts it; rejects when it says nothing of a port within ten seconds. */
export const startNats = async (path: string): Promise<NatsServer> => {
  const child = spawn(path, ["--addr", "127.0.0.1", "--port", "-1"], { stdio: ["ignore", "ignore", "pipe"] })
  try {
    const port = await portOf(child)
    return {
      port,
      pid: child.pid as number,
      stop: () =>
        new Promise((resolve) => {
          child.once("exit", () => resolve())
          child.kill("SIGTERM")
        })
    }
  } catch (cause) {
    child.kill("SIGKILL")
    throw cause
  }
}

/** `--port -1` asks for any free port; the log says which. */
const portOf = (child: ChildProcess): Promise<number> =>
  new Promise((resolve, reject) => {
    let log = ""
    const timer = setTimeout(() => reject(new Error(`${command} did not start: ${log}`)), startMs)
    child.once("error", reject)
    child.once("exit", (code) => reject(new Error(`${command} ended with ${code}: ${log}`)))
    child.stderr?.on("data", (chunk: Buffer) => {
      log += chunk.toString()
      const port = /Listening for client connections on [^\s]*:(\d+)/.exec(log)?.[1]
      if (port === undefined || !log.includes("Server is ready")) return
      clearTimeout(timer)
      child.stderr?.removeAllListeners("data")
      child.stderr?.resume()
      resolve(Number(port))
    })
  })
