import { ConfigProvider, Console, Effect, Redacted, type Scope } from "effect"
import { Command, Flag } from "effect/cli"
import { webSocketFactory } from "../client/SocketFactory.ts"
import { openHome, secret } from "../embedded/Home.ts"
import { adminRest } from "./AdminAccess.ts"
import { type CommandFailed, commandFailed } from "./CommandFailed.ts"
import { driverSocketUrl, instanceUrls, readEnv } from "./InstanceUrls.ts"
import { serveUntilStopped } from "./ServeCommand.ts"
import { simulate } from "./Simulation.ts"
import { StatusLine } from "./StatusLine.ts"

const demoAdminEmail = "admin@dropmate.local"
const readyEveryMs = 100
const seed = 1
const giveUpAfterMs = 300_000

/** `dropmate demo`: a server and a city that drives. */
export const demoCommand = Command.make(
  "demo",
  {
    drivers: Flag.Int("drivers").pipe(
      Flag.withDefault(100),
      Flag.filter(
        (value) => value >= 1,
        (value) => `must be 1 or more, not ${value}`
      ),
      Flag.withDescription("how many drivers")
    )
  },
  ({ drivers }) =>
    Effect.gen(function* () {
      const provider = yield* withDemoLogin
      return yield* Effect.raceFirst(serveUntilStopped, driveCity(drivers)).pipe(
        Effect.provideService(ConfigProvider.ConfigProvider, provider)
      )
    }).pipe(Effect.scoped)
).pipe(Command.withDescription("Starts everything and a simulated city; Ctrl-C stops all of it, the data stays."))

/** An administrator that the demo can sign in as: the environment's, else one whose password is kept with the home's secrets. */
const withDemoLogin: Effect.Effect<ConfigProvider.ConfigProvider, CommandFailed, Scope.Scope> = Effect.gen(
  function* () {
    const env = yield* readEnv
    const home = yield* openHome({ root: env.home }).pipe(Effect.mapError(commandFailed))
    const password = yield* secret(home, "admin-password").pipe(Effect.mapError(commandFailed))
    const given = yield* ConfigProvider.ConfigProvider
    const own = ConfigProvider.fromEnv({
      env: { DROPMATE_ADMIN_EMAIL: demoAdminEmail, DROPMATE_ADMIN_PASSWORD: password }
    })
    return given.pipe(ConfigProvider.orElse(own))
  }
)

/** Waits for the server, shows the way in, and drives until it is interrupted. */
const driveCity = (drivers: number): Effect.Effect<never, CommandFailed> =>
  Effect.gen(function* () {
    const url = yield* readyUrl
    const { adminEmail, adminPassword } = yield* readEnv
    const password = adminPassword === undefined ? "" : Redacted.value(adminPassword)
    yield* Console.error(`dropmate: ready at ${url}\ndropmate: administrator ${adminEmail}, password ${password}`)
    const rest = yield* adminRest(url, undefined, giveUpAfterMs)
    yield* Effect.tryPromise({
      try: (signal) =>
        simulate({
          drivers,
          seed,
          speed: 1,
          durationS: Number.POSITIVE_INFINITY,
          rest,
          socketUrl: driverSocketUrl(url),
          sockets: webSocketFactory(),
          giveUpAfterMs,
          status: new StatusLine(),
          signal
        }),
      catch: commandFailed
    })
    return yield* Effect.never
  })

/** The HTTP address of this process's server once it can work. */
const readyUrl: Effect.Effect<string> = Effect.gen(function* () {
  for (;;) {
    const urls = yield* Effect.result(instanceUrls)
    if (urls._tag === "Success" && (yield* isReady(urls.success.HTTP_URL))) return urls.success.HTTP_URL
    yield* Effect.sleep(readyEveryMs)
  }
})

const isReady = (url: string): Effect.Effect<boolean> =>
  Effect.tryPromise(() => fetch(`${url}/readyz`)).pipe(
    Effect.map((response) => response.ok),
    // Nobody listens yet: that is what is being waited for.
    Effect.catch(() => Effect.succeed(false))
  )
