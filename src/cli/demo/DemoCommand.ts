import { ConfigProvider, Console, Effect, Fiber, Option, Redacted, type Scope } from "effect"
import { Command, Flag } from "effect/cli"
import { webSocketFactory } from "../../client/SocketFactory.ts"
import { openHome, secret } from "../../embedded/Home.ts"
import { adminRest } from "../AdminAccess.ts"
import { CommandFailed, commandFailed } from "../CommandFailed.ts"
import { calmHabits } from "../fleet/DriverHabits.ts"
import { simulate } from "../fleet/Simulation.ts"
import { driverSocketUrl, instanceUrls, readEnv } from "../InstanceUrls.ts"
import { politeEnd } from "../PoliteEnd.ts"
import { StatusLine, silentOutput } from "../StatusLine.ts"
import { serveUntilStopped } from "../serve/ServeCommand.ts"
import { demoDeliveries } from "./DemoCustomer.ts"

const demoAdminEmail = "admin@dropmate.local"
const readyEveryMs = 100
const seed = 1
const ordersMax = 30
const giveUpAfterMs = 300_000
/** After Ctrl-C: the server is beside, so this is plenty. */
const windUpMsMax = 2_000

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
    ),
    orders: Flag.Int("orders").pipe(
      Flag.optional,
      Flag.filter(
        (value) => Option.getOrElse(value, () => 0) >= 0,
        (value) => `must be 0 or more, not ${Option.getOrUndefined(value)}`
      ),
      Flag.withDescription(`how many orders are under way; a fifth of the drivers, at most ${ordersMax}, unless given`)
    )
  },
  ({ drivers, orders }) =>
    Effect.gen(function* () {
      const size = { drivers, orders: Option.getOrElse(orders, () => Math.min(ordersMax, Math.ceil(drivers / 5))) }
      if (size.orders > drivers) {
        return yield* new CommandFailed({
          message: `--orders must be at most the number of drivers (${drivers}), not ${size.orders}`
        })
      }
      const provider = yield* withDemoLogin
      return yield* serveAndDrive(size).pipe(Effect.provideService(ConfigProvider.ConfigProvider, provider))
    }).pipe(Effect.scoped)
).pipe(Command.withDescription("Starts everything and a simulated city; Ctrl-C stops all of it, the data stays."))

/** An administrator that the demo can sign in as: the environment's, else one whose password is kept with the home's secrets. */
const withDemoLogin: Effect.Effect<ConfigProvider.ConfigProvider, CommandFailed, Scope.Scope> = Effect.gen(
  function* () {
    const env = yield* readEnv
    const home = yield* openHome({ root: env.home, cacheDir: env.cacheDir }).pipe(Effect.mapError(commandFailed))
    const password = yield* secret(home, "admin-password").pipe(Effect.mapError(commandFailed))
    const given = yield* ConfigProvider.ConfigProvider
    const own = ConfigProvider.fromEnv({
      env: { DROPMATE_ADMIN_EMAIL: demoAdminEmail, DROPMATE_ADMIN_PASSWORD: password }
    })
    return given.pipe(ConfigProvider.orElse(own))
  }
)

/** How big the city's traffic is. */
interface DemoSize {
  readonly drivers: number
  readonly orders: number
}

/** The server lives in the scope, not in the race: the city winds up while it still listens, and only then it stops. */
const serveAndDrive = (size: DemoSize) =>
  Effect.gen(function* () {
    const server = yield* Effect.forkScoped(serveUntilStopped)
    return yield* Effect.raceFirst(Fiber.join(server), driveCity(size))
  }).pipe(Effect.scoped)

/** All that a newcomer needs, in one place. */
const welcome = (url: string, email: string, password: string, drivers: number): string =>
  [
    "",
    `  Fleet console   ${url}/`,
    `  Sign in as      ${email}`,
    `  Password        ${password}`,
    "",
    `  ${drivers} simulated drivers are on their way. Ctrl-C stops everything; the data stays.`,
    `  Commands for the running instance: npm run dropmate -- --help`,
    ""
  ].join("\n")

/** Waits for the server, shows the way in, and drives until it is interrupted. */
const driveCity = ({ drivers, orders }: DemoSize): Effect.Effect<never, CommandFailed> =>
  Effect.gen(function* () {
    const url = yield* readyUrl
    const { adminEmail, adminPassword } = yield* readEnv
    const password = adminPassword === undefined ? "" : Redacted.value(adminPassword)
    yield* Console.error(welcome(url, adminEmail ?? demoAdminEmail, password, drivers))
    const rest = yield* adminRest(url, undefined, giveUpAfterMs)
    // On a terminal one line that is written over; elsewhere a line each second would bury the way in.
    const status = new StatusLine(process.stderr.isTTY ? process.stderr : silentOutput)
    const print = (text: string): void => {
      status.clear()
      process.stderr.write(text)
    }
    const beside = yield* demoDeliveries({ url, orders, staff: rest, retryForMs: giveUpAfterMs, seed, print })
    yield* politeEnd(
      (signal) =>
        simulate({
          drivers,
          seed,
          speed: 1,
          era: "present",
          habits: calmHabits,
          durationS: Number.POSITIVE_INFINITY,
          rest,
          url,
          socketUrl: driverSocketUrl(url),
          sockets: webSocketFactory(),
          giveUpAfterMs,
          windUpMsMax,
          status,
          signal,
          beside
        }),
      commandFailed,
      () => Effect.void
    )
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
