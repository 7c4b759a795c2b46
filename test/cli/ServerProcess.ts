import { type ChildProcess, spawn } from "node:child_process"
import { createServer } from "node:net"
import { fileURLToPath } from "node:url"

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))
const readyMsMax = 60_000

/** A port that was free a moment ago. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

/** `dropmate` as a process of its own; what it prints is collected. */
export const spawnDropmate = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) => {
  const child = spawn(process.execPath, [main, ...args], { env: { PATH: process.env.PATH ?? "", ...env } })
  const output = { stdout: "", stderr: "" }
  child.stdout.on("data", (text) => {
    output.stdout += String(text)
  })
  child.stderr.on("data", (text) => {
    output.stderr += String(text)
  })
  const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)))
  return { child, output, exited }
}

/** Waits until `condition` holds; fails with `describe()` when it takes too long. */
export const until = async (condition: () => boolean | Promise<boolean>, describe: () => string): Promise<void> => {
  const deadline = performance.now() + readyMsMax
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`took too long: ${describe()}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

/** Starts `dropmate serve` and waits until it is ready. */
export const startServer = async (
  env: Readonly<Record<string, string>>
): Promise<{ readonly child: ChildProcess; readonly exited: Promise<number | null> }> => {
  const server = spawnDropmate(["serve"], env)
  const isReady = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${env.HTTP_PORT}/readyz`).then(
      (response) => response.ok,
      () => false
    )
  await until(isReady, () => `the server did not become ready: ${server.output.stderr}`)
  return server
}
