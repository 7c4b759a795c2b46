import { ConfigProvider, Effect } from "effect"
import { type Env, envConfig } from "../../src/config/Env.ts"

/** The environment of a machine on which nothing is set, on any free port. */
export const testEnv: Env = {
  ...Effect.runSync(
    Effect.provide(
      Effect.gen(function* () {
        return yield* envConfig
      }),
      ConfigProvider.layer(ConfigProvider.fromEnv({ env: {} }))
    )
  ),
  realtimePort: 0,
  nodeName: "test-1"
}
