import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { Client } from "pg"
import { afterEach, expect, inject, it } from "vitest"
import { startPostgres } from "../../src/embedded/EmbeddedPostgres.ts"
import { claimHome, openHome } from "../../src/embedded/Home.ts"
import { canTraverse, isRoot, unprivilegedAccount } from "../../src/embedded/RunAs.ts"
import { wipeHomeSync } from "../kit/TestHome.ts"

const PASSWD = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/:/bin/false\npostgres:x:101:104::/var:/bin/sh\n"
const folders: Array<string> = []

afterEach(() => {
  for (const folder of folders.splice(0)) wipeHomeSync(folder)
})

const emptyFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "dropmate-account-"))
  folders.push(folder)
  return folder
}

it("prefers the account postgres, then nobody, and never an account of root's", () => {
  expect(unprivilegedAccount(PASSWD)).toEqual({ name: "postgres", uid: 101, gid: 104 })
  expect(unprivilegedAccount(PASSWD.replace("postgres", "mail"))).toEqual({ name: "nobody", uid: 65534, gid: 65533 })
  expect(unprivilegedAccount("root:x:0:0::/root:/bin/sh\npostgres:x:0:0::/:/bin/sh\n")).toBeUndefined()
})

it("sees that one closed folder on the way closes all below it", () => {
  const outer = emptyFolder()
  const inner = join(outer, "inner")
  mkdirSync(inner)
  const stranger = { name: "stranger", uid: 60_001, gid: 60_001 }
  chmodSync(outer, 0o711)
  expect(canTraverse(stranger, inner)).toBe(true)
  chmodSync(outer, 0o700)
  expect(canTraverse(stranger, inner)).toBe(false)
})

it("runs PostgreSQL for a home in a folder that is closed to all other accounts, and puts its data where its account can reach it", async () => {
  const outer = emptyFolder()
  chmodSync(outer, 0o700)
  const trial = Effect.gen(function* () {
    const home = yield* claimHome(yield* openHome({ root: join(outer, "home"), cacheDir: inject("cacheDir") }))
    if (isRoot()) yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(home.dataDir, { recursive: true })))
    const { socketUrl } = yield* startPostgres({ home, durable: false })
    const client = new Client({ connectionString: socketUrl })
    yield* Effect.promise(() => client.connect())
    yield* Effect.promise(() => client.end())
    return home
  })
  const home = await Effect.runPromise(Effect.scoped(trial))
  expect(home.dataDir.startsWith(home.root)).toBe(!isRoot())
})
