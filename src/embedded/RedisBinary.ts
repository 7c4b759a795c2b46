import { existsSync, realpathSync } from "node:fs"
import { join } from "node:path"
import { Data, Effect } from "effect"
import { cachedAptRedis, fetchAptRedis } from "./AptRedis.ts"
import type { Home } from "./Home.ts"
import { withProgress } from "./Progress.ts"
import { canTraverse } from "./RunAs.ts"

/** There is no Redis on this machine and none could be fetched. */
export class RedisNotFound extends Data.TaggedError("RedisNotFound")<{
  readonly searched: string
  readonly reason: string
}> {
  override get message() {
    return `No Redis was found (${this.searched}; ${this.reason}). Install redis-server or valkey-server (7 or newer), or set REDIS_URL.`
  }
}

export interface RedisBinary {
  readonly file: string
  /** Libraries that came with a fetched binary; undefined for an installed one. */
  readonly libraryPath: string | undefined
}

/** The first redis-server or valkey-server in the folders of `path` that the servers' account can reach. */
export const redisOnPath = (home: Home, path: string): RedisBinary | undefined => {
  for (const folder of path.split(":").filter((name) => name.startsWith("/"))) {
    for (const name of ["redis-server", "valkey-server"]) {
      const file = join(folder, name)
      if (!existsSync(file)) continue
      if (home.runAs === undefined || canTraverse(home.runAs, realpathSync(file)))
        return { file, libraryPath: undefined }
    }
  }
  return undefined
}

/** A Redis binary: from PATH, else the copy in the cache, else fetched from the distribution's packages without installing anything. */
export const findRedis = (
  home: Home,
  path: string = process.env.PATH ?? ""
): Effect.Effect<RedisBinary, RedisNotFound> => {
  const found = redisOnPath(home, path) ?? cachedAptRedis(home)
  if (found !== undefined) return Effect.succeed(found)
  return fetchAptRedis(home).pipe(
    withProgress("fetching Redis from the distribution's packages"),
    Effect.mapError((error) => new RedisNotFound({ searched: "PATH, cache, apt", reason: error.message }))
  )
}
