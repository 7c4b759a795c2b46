import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { webSocketFactory } from "../../client/SocketFactory.ts"
import { adminRest } from "../AdminAccess.ts"
import { CommandFailed, commandFailed } from "../CommandFailed.ts"
import { driverSocketUrl, serverUrl } from "../InstanceUrls.ts"
import { politeEnd } from "../PoliteEnd.ts"
import { StatusLine, silentOutput } from "../StatusLine.ts"
import { simulateTown } from "../town/Town.ts"
import { eventfulHabits } from "./DriverHabits.ts"
import { reportTable } from "./ReportTable.ts"
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
      Flag.withDescription("customers' orders a real minute; 0: the fleet only drives")
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
      Flag.withDescription(
        "simulated seconds per second. Without orders, above 1 needs a duration, and it begins in the past; with orders, people wait less and the city is as much smaller"
      )
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
    minutes: Flag.Finite("minutes").pipe(
      Flag.filter(
        (value) => value > 0,
        (value) => `must be above 0, not ${value}`
      ),
      Flag.optional,
      Flag.withDescription("the same in minutes")
    ),
    quietS: Flag.Finite("quiet-s").pipe(
      Flag.withDefault(120),
      from(0),
      Flag.withDescription(
        "with orders: after the last one work goes on until so many real seconds nothing was done though the server was there"
      )
    ),
    giveUpAfterS: Flag.Finite("give-up-after-s").pipe(
      Flag.withDefault(300),
      from(0),
      Flag.withDescription("fail when nothing was acknowledged for so many seconds while points wait")
    ),
    json: Flag.Boolean("json").pipe(
      Flag.withDefault(false),
      Flag.withDescription("the report as JSON, and no status on stderr")
    ),
    progress: Flag.Boolean("progress").pipe(
      Flag.withDefault(false),
      Flag.withDescription("the status on stderr with --json, too")
    )
  },
  (options) =>
    Effect.gen(function* () {
      const durationS = yield* spanOf(options)
      const hasOrders = options.ordersPerMinute > 0
      if (!hasOrders) yield* checkSpan(options.speed, durationS)
      const url = yield* serverUrl(Option.getOrUndefined(options.url))
      const giveUpAfterMs = options.giveUpAfterS * 1_000
      const rest = yield* adminRest(url, Option.getOrUndefined(options.token), giveUpAfterMs)
      const status = new StatusLine(options.json && !options.progress ? silentOutput : process.stderr)
      const report = yield* politeEnd(
        (signal) => {
          const fleet = {
            drivers: options.drivers,
            seed: options.seed,
            speed: options.speed,
            durationS,
            rest,
            url,
            socketUrl: driverSocketUrl(url),
            sockets: webSocketFactory(),
            giveUpAfterMs,
            windUpMsMax,
            status,
            signal
          }
          if (!hasOrders) return simulate({ ...fleet, era: "past" })
          const { ordersPerMinute, quietS } = options
          return simulateTown({ ...fleet, ordersPerMinute, quietMsMax: quietS * 1_000, habits: eventfulHabits })
        },
        commandFailed,
        (report) => Console.log(options.json ? JSON.stringify(report) : reportTable(report))
      ).pipe(Effect.ensuring(Effect.sync(() => status.clear())))
      if (report.violations.length > 0) {
        const broken = report.violations.map(({ invariant, count }) => `${invariant} (${count})`)
        return yield* new CommandFailed({ message: `it does not hold that ${broken.join(", that ")}` })
      }
    })
).pipe(
  Command.withDescription(
    "Drives an honest fleet through a made-up city, over real sockets, and prints a report. With --orders-per-minute customers order, watch and cancel, a script dispatches, drivers have mishaps, and at the end everything that anybody was told is held against what the server says. Comes back by itself when the server restarts. Ctrl-C ends it politely: off duty, everything delivered, then the report."
  )
)

/** Real seconds; infinity when none are given. */
const spanOf = (options: {
  readonly durationS: Option.Option<number>
  readonly minutes: Option.Option<number>
}): Effect.Effect<number, CommandFailed> => {
  if (Option.isSome(options.durationS) && Option.isSome(options.minutes))
    return Effect.fail(new CommandFailed({ message: "--duration-s and --minutes say the same: give one of them" }))
  const given = Option.orElse(options.durationS, () => Option.map(options.minutes, (minutes) => minutes * 60))
  return Effect.succeed(Option.getOrElse(given, () => Number.POSITIVE_INFINITY))
}

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
