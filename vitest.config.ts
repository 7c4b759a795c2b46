import { defineConfig } from "vitest/config"

const everything = ["test/**/*.test.ts"]
/** What holds for the schema on each PostgreSQL that it is said to load on. */
const ofTheSchema = ["test/schema/*.test.ts", "test/jobs/*.test.ts", "test/persistence/Migrations.test.ts"]

/** Tests on one version of PostgreSQL; the services are of the project's own (test/kit/GlobalSetup.ts). */
const onPostgres = (postgresMajor: 16 | 18, include: Array<string>) => ({
  extends: true as const,
  test: {
    name: `postgres-${postgresMajor}`,
    include,
    globalSetup: ["test/kit/GlobalSetup.ts"],
    provide: { postgresMajor }
  }
})

export default defineConfig({
  test: {
    projects: [onPostgres(16, everything), onPostgres(18, ofTheSchema)],
    // One worker per core: the tests share real servers, and more workers only make their waits longer.
    maxWorkers: "100%",
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000
  }
})
