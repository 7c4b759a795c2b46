import { onTestFinished } from "vitest"
import { type FaultProxy, proxyDatabase } from "./FaultProxy.ts"
import type { ServerEnvironment } from "./ServerProcess.ts"
import { freshDatabase, freshRedis } from "./TestServices.ts"

/** What a server of a test stands on. */
export interface ServerServices {
  /** For ServerProcess.start. */
  readonly environment: ServerEnvironment
  /** The owner's own way to the database, past the proxy. */
  readonly databaseUrl: string
  /** Between the server and PostgreSQL. */
  readonly proxy: FaultProxy
}

/** A database (behind a proxy) and a Redis database of the run's own servers, until the end of the test. */
export const serverServices = async (): Promise<ServerServices> => {
  const [database, redis] = await Promise.all([freshDatabase(), freshRedis()])
  onTestFinished(async () => {
    await Promise.all([database.drop(), redis.drop()])
  })
  const { proxy, url } = await proxyDatabase(database.url)
  onTestFinished(() => proxy.stop())
  return { environment: { DATABASE_URL: url, REDIS_URL: redis.url }, databaseUrl: database.url, proxy }
}
