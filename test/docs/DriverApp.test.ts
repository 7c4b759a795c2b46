import { spawn } from "node:child_process"
import { mkdtempSync } from "node:fs"
import { join } from "node:path"
import { expect, inject, it, onTestFinished } from "vitest"
import { RestClient } from "../../src/client/RestClient.ts"
import { processAdmin, ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { projectRoot } from "../tidy/Project.ts"

/** Runs the program in an empty folder, so that its journal begins anew, and gives what it printed. */
const runExample = (args: ReadonlyArray<string>): Promise<string> => {
  const program = join(projectRoot, "docs/examples/driver-app.ts")
  const child = spawn(process.execPath, [program, ...args], {
    cwd: mkdtempSync(join(inject("testHome"), "driver-app-")),
    stdio: ["ignore", "pipe", "inherit"]
  })
  onTestFinished(() => {
    child.kill("SIGKILL")
  })
  let printed = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    printed += text
  })
  return new Promise((resolve) => child.once("close", () => resolve(printed)))
}

it("the driver app of the README gets its twenty points acknowledged by a real server", {
  timeout: 90_000
}, async () => {
  const { environment } = await serverServices()
  const server = await ServerProcess.start(environment)
  const url = `http://127.0.0.1:${server.httpPort}`
  const rest = new RestClient({ url })
  await rest.signIn(processAdmin.email, processAdmin.password)
  await rest.createDriver({ email: "ada@example.org", name: "Ada", password: "drive carefully" })

  const printed = await runExample([url, "ada@example.org", "drive carefully"])

  expect(printed.split("\n").map((line) => line.trim())).toEqual(
    expect.arrayContaining([
      "state connecting",
      "state live",
      "in the database up to 20 - waiting 0",
      "state stopped { kind: 'requested' }"
    ])
  )
})
