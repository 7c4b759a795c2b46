import { Effect, Redacted } from "effect"
import { RestClient } from "../client/RestClient.ts"
import { CommandFailed, commandFailed } from "./CommandFailed.ts"
import { readEnv } from "./InstanceUrls.ts"

/** A REST client with an administrator's rights: the given token, else DROPMATE_ADMIN_EMAIL and DROPMATE_ADMIN_PASSWORD. */
export const adminRest = (
  url: string,
  token: string | undefined,
  retryForMs: number
): Effect.Effect<RestClient, CommandFailed> =>
  Effect.gen(function* () {
    const rest = new RestClient({ url, retryForMs })
    if (token !== undefined) {
      rest.signInWith(token)
      return rest
    }
    const { adminEmail, adminPassword } = yield* readEnv
    if (adminEmail === undefined || adminPassword === undefined) {
      return yield* new CommandFailed({
        message:
          "making drivers needs an administrator: set DROPMATE_ADMIN_EMAIL and DROPMATE_ADMIN_PASSWORD, or give --token"
      })
    }
    yield* Effect.tryPromise({
      try: () => rest.signIn(adminEmail, Redacted.value(adminPassword)),
      catch: commandFailed
    })
    return rest
  })
