import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const web = join(root, "web")
const built = join(root, "dist", "web")
/** Everything that can change what is built. */
const inputs = ["web", "src/client", "src/protocol", "src/domain", "scripts/buildWeb.ts", "package-lock.json"]
/** A server that was just started may still be about to read an older build. */
const keepOldMs = 3_600_000

const filesOf = (path: string): ReadonlyArray<string> =>
  statSync(path).isDirectory()
    ? readdirSync(path)
        .sort()
        .flatMap((name) => filesOf(join(path, name)))
    : [path]

const inputHash = (): string => {
  const hash = createHash("sha256")
  for (const file of inputs.flatMap((input) => filesOf(join(root, input)))) {
    hash.update(relative(root, file)).update("\0").update(readFileSync(file)).update("\0")
  }
  return hash.digest("hex").slice(0, 16)
}

const build = async (folder: string): Promise<void> => {
  const [vite, { default: react }] = await Promise.all([import("vite"), import("@vitejs/plugin-react")])
  await vite.build({
    configFile: false,
    root: web,
    base: "/",
    logLevel: "warn",
    plugins: [react()],
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: "es2023",
      // Everything comes from files: the pages' policy allows no inline data for scripts.
      assetsInlineLimit: 0,
      chunkSizeWarningLimit: 2_000,
      modulePreload: { polyfill: false },
      rolldownOptions: {
        checks: { pluginTimings: false },
        input: { console: join(web, "console.html"), tracking: join(web, "tracking.html") }
      }
    }
  })
}

const removeOld = (current: string): void => {
  for (const name of readdirSync(built)) {
    const path = join(built, name)
    if (path !== current && Date.now() - statSync(path).mtimeMs > keepOldMs) rmSync(path, { recursive: true })
  }
}

/** Builds the pages into `dist/web/<hash of their sources>` unless they are there, and answers that folder. */
const freshBuild = async (): Promise<string> => {
  const target = join(built, inputHash())
  if (existsSync(target)) return target
  const began = performance.now()
  process.stderr.write("dropmate: building the web pages\n")
  const part = join(built, `part-${process.pid}`)
  mkdirSync(part, { recursive: true })
  try {
    await build(part)
    try {
      renameSync(part, target)
    } catch (error) {
      // Another process was faster with the same sources.
      if (!existsSync(target)) throw error
    }
  } finally {
    rmSync(part, { recursive: true, force: true })
  }
  removeOld(target)
  process.stderr.write(`dropmate: web pages built, ${((performance.now() - began) / 1_000).toFixed(1)} s\n`)
  return target
}

process.stdout.write(`${await freshBuild()}\n`)
