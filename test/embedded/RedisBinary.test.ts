import { chmodSync, copyFileSync, mkdirSync, mkdtempSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { expect, inject, it } from "vitest"
import { openHome } from "../../src/embedded/Home.ts"
import { redisOnPath } from "../../src/embedded/RedisBinary.ts"
import { openToServers } from "../kit/TestHome.ts"

const folderWith = (parent: string, folder: string, program: string): string => {
  const path = join(parent, folder)
  mkdirSync(path)
  copyFileSync("/bin/true", join(path, program))
  chmodSync(join(path, program), 0o755)
  return path
}

it("takes the first redis-server or valkey-server on the path and ignores folders without one", async () => {
  const parent = mkdtempSync(join(inject("testHome"), "path-"))
  openToServers(parent)
  const home = await Effect.runPromise(openHome({ root: join(parent, "home"), cacheDir: inject("cacheDir") }))
  const valkey = folderWith(parent, "a", "valkey-server")
  const redis = folderWith(parent, "b", "redis-server")
  expect(redisOnPath(home, `${parent}:${valkey}:${redis}`)?.file).toBe(join(valkey, "valkey-server"))
  expect(redisOnPath(home, `${redis}:${valkey}`)?.file).toBe(join(redis, "redis-server"))
  expect(redisOnPath(home, `${parent}:relative:`)).toBeUndefined()
})
