import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/kit/GlobalSetup.ts"],
    // One worker per core: the tests share two real servers, and more workers only make their waits longer.
    maxWorkers: "100%",
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000
  }
})
