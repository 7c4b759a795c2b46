import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, inject, it, onTestFinished } from "vitest"
import { call, login } from "../kit/RestCaller.ts"
import { processAdmin, ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { projectRoot } from "../tidy/Project.ts"

const readme = readFileSync(join(projectRoot, "README.md"), "utf8")

/** A program that README quotes, as it stands there. */
const quoted = (path: string): string => {
  const from = readme.indexOf(`<!-- file: ${path} -->`)
  const block = /```\w+\n([\s\S]*?)\n```/.exec(readme.slice(from))
  if (from < 0 || block?.[1] === undefined) throw new Error(`README does not quote ${path}`)
  return block[1]
}

/** What README says that the driver app prints. */
const promisedLines = (): ReadonlyArray<string> => {
  const printed = /\n```\n(state connecting[\s\S]*?)\n```/.exec(readme)
  return printed?.[1]?.split("\n") ?? []
}

/** Runs a program in an empty folder, so that a journal begins anew, and gives what it printed. */
const run = (program: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = process.env): Promise<string> => {
  const child = spawn(program, args, {
    cwd: mkdtempSync(join(inject("testHome"), "example-")),
    stdio: ["ignore", "pipe", "inherit"],
    env
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

it("an order placed by curl as README shows is delivered by the driver app of thirty lines in README", {
  timeout: 120_000
}, async () => {
  const app = quoted("docs/examples/driver-app.ts")
  expect(app.split("\n").length).toBeLessThanOrEqual(30)
  expect(app).toBe(readFileSync(join(projectRoot, "docs/examples/driver-app.ts"), "utf8").trim())
  const { environment } = await serverServices()
  const server = await ServerProcess.start(environment)
  const admin = { ADMIN_EMAIL: processAdmin.email, ADMIN_PASSWORD: processAdmin.password }
  const env = { PATH: process.env.PATH, URL: server.url, ...admin }

  const link = await run("sh", ["-eu", "-c", quoted("docs/examples/order.sh")], env)
  expect(link).toMatch(/^http:\/\/\S+\n$/)
  const program = join(projectRoot, "docs/examples/driver-app.ts")
  const printed = await run(process.execPath, [program, server.url, "ada@example.org", "drive carefully"])

  expect(promisedLines().length).toBe(10)
  expect(printed.split("\n").map((line) => line.trim())).toEqual(expect.arrayContaining([...promisedLines()]))
  const { access_token: token } = await login(server.url, "grace@example.org", "a bunch of tulips")
  const { body } = await call<{ data: ReadonlyArray<object> }>(server.url, "GET", "/v1/orders", { token })
  expect(body.data).toEqual([expect.objectContaining({ status: "fulfilled", shipment_status: "delivered" })])
})
