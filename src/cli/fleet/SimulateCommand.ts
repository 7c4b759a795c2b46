import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { webSocketFactory } from "../../client/SocketFactory.ts"
import { adminRest } from "../AdminAccess.ts"
import { CommandFailed, commandFailed } from "../CommandFailed.ts"
import { driverSocketUrl, serverUrl } from "../InstanceUrls.ts"
import { politeEnd } from "../PoliteEnd.ts"
import { StatusLine, silentOutput } from "../StatusLine.ts"
import { simulate } from "./Simulation.ts"

/** Points older than 72 h are quarantined; an hour of that is left for the run itself. */
const pastHoursMax = 71
/** After Ctrl-C the fleet goes off duty and waits this long for what is not acknowledged. */
const windUpMsMax = 10_000

const from = (min: number) =>
  Flag.filter(
    (value: number) => value >= min,
    (value) => `must be ${min} or more, not ${value}`
  )

/** `dropmate simulate`: an honest fleet over real sockets. */
export const simulateCommand = Command.make(
  "simulate",
  {
    drivers: Flag.Int("drivers").pipe(Flag.withDefault(50), from(1), Flag.withDescription("how many drivers")),
    ordersPerMinute: Flag.Finite("orders-per-minute").pipe(
      Flag.withDefault(0),
      from(0),
      Flag.withDescription("customers' orders; only 0 for now, orders are not built yet")
    ),
    seed: Flag.Int("seed").pipe(
      Flag.withDefault(1),
      Flag.withDescription("the same seed gives the same city and the same ways")
    ),
    speed: Flag.Finite("speed").pipe(
      Flag.withDefault(1),
      Flag.filter(
        (value) => value > 0,
        (value) => `must be above 0, not ${value}`
      ),
      Flag.withDescription("simulated seconds per second; above 1 only with --duration-s, and it begins in the past")
    ),
    url: Flag.String("url").pipe(
      Flag.optional,
      Flag.withDescription("HTTP address of the server; the running instance's unless given")
    ),
    token: Flag.String("token").pipe(
      Flag.optional,
      Flag.withDescription(
        "an administrator's access token, instead of DROPMATE_ADMIN_EMAIL and DROPMATE_ADMIN_PASSWORD"
      )
    ),
    durationS: Flag.Finite("duration-s").pipe(
      Flag.filter(
        (value) => value > 0,
        (value) => `must be above 0, not ${value}`
      ),
      Flag.optional,
      Flag.withDescription("real seconds to drive; until interrupted unless given")
    ),
    giveUpAfterS: Flag.Finite("give-up-after-s").pipe(
      Flag.withDefault(300),
      from(0),
      Flag.withDescription("fail when nothing was acknowledged for so many seconds while points wait")
    ),
    json: Flag.Boolean("json").pipe(
      Flag.withDefault(false),
      Flag.withDescription("no status on stderr; the report is JSON in any case")
    )
  },
  (options) =>
    Effect.gen(function* () {
      if (options.ordersPerMinute > 0) {
        return yield* new CommandFailed({ message: "orders are not built yet: --orders-per-minute must be 0" })
      }
      const durationS = Option.getOrElse(options.durationS, () => Number.POSITIVE_INFINITY)
      yield* checkSpan(options.speed, durationS)
      const url = yield* serverUrl(Option.getOrUndefined(options.url))
      const giveUpAfterMs = options.giveUpAfterS * 1_000
      const rest = yield* adminRest(url, Option.getOrUndefined(options.token), giveUpAfterMs)
      const status = new StatusLine(options.json ? silentOutput : process.stderr)
      const report = yield* politeEnd(
        (signal) =>
          simulate({
            drivers: options.drivers,
            seed: options.seed,
            speed: options.speed,
            durationS,
            rest,
            socketUrl: driverSocketUrl(url),
            sockets: webSocketFactory(),
            giveUpAfterMs,
            windUpMsMax,
            status,
            signal
          }),
        commandFailed
      ).pipe(Effect.ensuring(Effect.sync(() => status.clear())))
      if (report.violations.length > 0) {
        return yield* new CommandFailed({ message: `an honest fleet met ${report.violations.join(", ")}` })
      }
    })
).pipe(
  Command.withDescription(
    "Drives an honest fleet through a made-up city, over real sockets, and prints a JSON report. Ctrl-C ends it politely: off duty, everything delivered, then the report."
  )
)

const checkSpan = (speed: number, durationS: number): Effect.Effect<void, CommandFailed> => {
  if (speed <= 1) return Effect.void
  if (durationS === Number.POSITIVE_INFINITY) {
    return Effect.fail(
      new CommandFailed({ message: "--speed above 1 needs --duration-s: the fleet begins in the past and ends now" })
    )
  }
  const pastHours = ((speed - 1) * durationS) / 3_600
  if (pastHours <= pastHoursMax) return Effect.void
  return Effect.fail(
    new CommandFailed({
      message: `--speed ${speed} for ${durationS} s would begin ${Math.round(pastHours)} h ago, and points older than 72 h are not taken`
    })
  )
}
