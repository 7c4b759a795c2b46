#!/usr/bin/env node
// The way in: installs what the lock file names, then runs the project under the Node that the lock file pins.
// It runs before anything is installed and on whatever Node the machine has (>= 18), so it uses built-ins only.
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { constants } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, "node_modules")
const pinnedNode = join(modules, ".bin", "node")
const stamp = join(modules, ".dropmate-lock-sha256")
const claims = join(root, ".dropmate", "install")

/** What each word starts: a script of the project and the arguments that come before the caller's. */
const commands = {
  demo: ["src/main.ts", "demo"],
  bench: ["src/main.ts", "bench"],
  dropmate: ["src/main.ts"],
  test: ["scripts/test.ts"],
  check: ["scripts/test.ts", "--check"],
  docs: ["scripts/docs.ts"]
}

class BootError extends Error {}

const lockText = () => {
  try {
    return readFileSync(join(root, "package-lock.json"), "utf8")
  } catch {
    throw new BootError(`${join(root, "package-lock.json")} is missing: this is not a whole checkout of DropMate.`)
  }
}
const sha256 = (text) => createHash("sha256").update(text).digest("hex")
const readOrEmpty = (path) => (existsSync(path) ? readFileSync(path, "utf8") : "")

/** True when npm itself recorded that everything the lock file requires is installed (say, after `npm install` by hand). */
const npmAgrees = (lock) => {
  const record = readOrEmpty(join(modules, ".package-lock.json"))
  if (record === "") return false
  const wanted = JSON.parse(lock).packages
  const installed = JSON.parse(record).packages
  const same = (a, b) => a.version === b.version && a.integrity === b.integrity
  const present = Object.entries(installed).every(([path, entry]) => wanted[path] && same(wanted[path], entry))
  return present && Object.entries(wanted).every(([path, entry]) => path === "" || entry.optional || installed[path])
}

const installed = () => {
  const lock = lockText()
  if (!existsSync(modules)) return false
  if (readOrEmpty(stamp) === sha256(lock)) return true
  if (!npmAgrees(lock)) return false
  recordInstalled(lock)
  return true
}

/** A node_modules that somebody else owns is used as it is; without a stamp it is only compared again next time. */
const recordInstalled = (lock) => {
  try {
    writeFileSync(stamp, sha256(lock))
  } catch (error) {
    if (!["EACCES", "EROFS"].includes(error.code)) throw error
  }
}

/** When the process began, in clock ticks since the machine started; tells a live process from one that got its pid later. */
const startTicks = (pid) => {
  const stat = readOrEmpty(`/proc/${pid}/stat`)
  return stat === "" ? undefined : stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
}
const isAlive = (pid, ticks) => {
  if (existsSync("/proc/self/stat")) return startTicks(pid) === ticks
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === "EPERM"
  }
}

const myClaim = join(claims, `${process.pid}-${startTicks(process.pid) ?? "0"}`)

/** The pid of another live boot that holds or wants the install; removes the claims that dead ones left. */
const otherClaimant = () => {
  for (const name of readdirSync(claims)) {
    const [pid, ticks] = name.split("-")
    if (join(claims, name) === myClaim) continue
    if (isAlive(Number(pid), ticks)) return Number(pid)
    rmSync(join(claims, name), { force: true })
  }
  return undefined
}

/**
 * Runs `work` while no other boot of this clone does. Everybody first writes a claim named after itself, then looks for others', so two can
 * never both proceed; who sees another steps back and tries again a little later. A dead process's claim is recognised by its name.
 */
const alone = async (work) => {
  mkdirSync(claims, { recursive: true })
  let told = false
  for (;;) {
    writeFileSync(myClaim, "")
    const other = otherClaimant()
    if (other === undefined) break
    rmSync(myClaim, { force: true })
    if (!told) console.error(`dropmate: waiting for another install in this folder (process ${other})`)
    told = true
    await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 200))
  }
  try {
    return await work()
  } finally {
    rmSync(myClaim, { force: true })
  }
}

/** One line that counts seconds on a terminal; elsewhere one line at the start and one each 15 s. */
const progress = (label) => {
  const began = Date.now()
  const seconds = () => Math.round((Date.now() - began) / 1000)
  const tty = process.stderr.isTTY === true
  if (!tty) process.stderr.write(`dropmate: ${label}\n`)
  const timer = setInterval(
    () =>
      process.stderr.write(tty ? `\rdropmate: ${label} ${seconds()} s` : `dropmate: ${label}: ${seconds()} s so far\n`),
    tty ? 1_000 : 15_000
  )
  return (outcome) => {
    clearInterval(timer)
    process.stderr.write(
      `${tty ? "\r" : ""}dropmate: ${label}: ${outcome} after ${((Date.now() - began) / 1000).toFixed(1)} s\n`
    )
  }
}

const OFFLINE = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ENOTCACHED/
const reasonOf = (output) => {
  if (OFFLINE.test(output))
    return "The package registry could not be reached. The first start needs a network (or a filled npm cache); later ones do not."
  if (/EBADPLATFORM/.test(output))
    return `A package does not support this platform (${process.platform} ${process.arch}).`
  if (/ENOSPC/.test(output)) return "The disk is full."
  if (/EACCES|EPERM|EROFS/.test(output)) return `${root} is not writable by this user.`
  if (/EUSAGE/.test(output))
    return "package.json and package-lock.json disagree: run npm install and commit the lock file."
  return "npm ci failed."
}

/** What npm said before it goes on to print its own manual. */
const gist = (output) => {
  const said = output.split("\n").filter((line) => !/^npm (error|ERR!)\s*$/.test(line))
  const manual = said.findIndex((line) => /Clean install a project|Usage:/.test(line))
  return said
    .slice(0, manual === -1 ? undefined : manual)
    .slice(0, 12)
    .join("\n")
    .trim()
}

/** Ends as the child ended. While it lives it gets the signals that reach this process, once each. */
const run = (file, args, options, onSpawn = () => {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(file, args, options)
    const stopForwarding = forwardSignals(child)
    onSpawn(child)
    child.once("error", (error) => {
      stopForwarding()
      reject(error)
    })
    child.once("close", (code, signal) => {
      stopForwarding()
      resolve({ code, signal })
    })
  })

/** Whether this process is in the group that the terminal sends Ctrl-C to; then its children got it already. */
const terminalSignalsUs = () => {
  const stat = readOrEmpty("/proc/self/stat")
  if (stat === "") return process.stdin.isTTY === true
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return fields[2] === fields[5]
}

// npm and the terminal may both deliver one Ctrl-C; two signals of a kind nearer than this are the same request.
const SAME_REQUEST_MS = 300

const forwardSignals = (child) => {
  const fromTerminal = new Set(["SIGINT", "SIGQUIT", "SIGHUP"])
  const handlers = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"].map((signal) => {
    let last = Number.NEGATIVE_INFINITY
    const handler = () => {
      const now = Date.now()
      const repeated = now - last < SAME_REQUEST_MS
      last = now
      if (repeated || (fromTerminal.has(signal) && terminalSignalsUs())) return
      child.kill(signal)
    }
    process.on(signal, handler)
    return [signal, handler]
  })
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler)
  }
}

const endLike = ({ code, signal }) => {
  if (signal === null) process.exit(code ?? 1)
  process.kill(process.pid, signal)
  // Only a signal that this process cannot die of leaves it alive here: the shell's convention says the rest.
  setTimeout(() => process.exit(128 + (constants.signals[signal] ?? 0)), 1_000)
}

const npmCi = async () => {
  // npm would empty the folder that the link leads to, under whoever else uses it.
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink() === true)
    throw new BootError(
      `${modules} is a link, and its packages are not those of package-lock.json: install them there.`
    )
  const done = progress("installing the packages of package-lock.json")
  let output = ""
  const keep = (chunk) => {
    output = (output + chunk).slice(-20_000)
  }
  const ended = await run(
    "npm",
    ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
    { cwd: root, stdio: ["ignore", "pipe", "pipe"] },
    (child) => {
      child.stdout.on("data", keep)
      child.stderr.on("data", keep)
    }
  ).catch((error) => {
    done("failed")
    throw new BootError(
      error.code === "ENOENT"
        ? "npm is not on the PATH. Install Node.js with npm (>= 18)."
        : `npm could not start: ${error.message}`
    )
  })
  if (ended.signal !== null) {
    done("stopped")
    return endLike(ended)
  }
  if (ended.code !== 0) {
    done("failed")
    throw new BootError(`${reasonOf(output)}\n${gist(output)}`)
  }
  done("done")
}

const install = () =>
  alone(async () => {
    if (installed()) return
    await npmCi()
    recordInstalled(lockText())
  })

const supported = (version) => {
  const [major, minor] = version.split(".").map(Number)
  return major === 22 && minor >= 19
}

/** The pinned Node, or this one where there is no build of the pinned Node and this one will do. */
const chooseNode = async () => {
  if (existsSync(pinnedNode)) {
    const works = await run(pinnedNode, ["--version"], { stdio: "ignore" }).catch(() => ({ code: 1 }))
    if (works.code === 0) return pinnedNode
  }
  if (supported(process.versions.node)) return process.execPath
  throw new BootError(
    `DropMate needs Node 22 (>= 22.19). It brings its own for Linux with glibc on x64 and arm64; on this machine (${process.platform} ${process.arch}) ` +
      `install Node 22 and start again (found ${process.versions.node}).`
  )
}

const main = async () => {
  const [word = "dropmate", ...rest] = process.argv.slice(2)
  const [script, ...before] = Object.hasOwn(commands, word) ? commands[word] : ["src/main.ts", word]
  if (!installed()) await install()
  const node = await chooseNode()
  const env = { ...process.env, PATH: `${join(modules, ".bin")}${delimiter}${process.env.PATH ?? ""}` }
  endLike(
    await run(node, ["--disable-warning=ExperimentalWarning", join(root, script), ...before, ...rest], {
      stdio: "inherit",
      env
    })
  )
}

main().catch((error) => {
  console.error(error instanceof BootError ? `dropmate: ${error.message}` : error)
  process.exit(1)
})
