import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { webSocketFactory } from "../../client/SocketFactory.ts"
import { adminRest } from "../AdminAccess.ts"
import { CommandFailed, commandFailed } from "../CommandFailed.ts"
import { driverSocketUrl, serverUrl } from "../InstanceUrls.ts"
import { politeEnd } from "../PoliteEnd.ts"
import { StatusLine, silentOutput } from "../StatusLine.ts"
import { ReplayIncomplete, replay } from "./Replay.ts"
import { readTrace } from "./Trace.ts"

const notNegative = (value: number): boolean => value >= 0

/** `dropmate replay`: a recorded trace as so many driver apps. */
export const replayCommand = Command.make(
  "replay",
  {
    file: Argument.String("FILE").pipe(
      Argument.withDescription(
        "CSV with the columns vehicle_id,time,lat,lng[,speed_mps][,heading_deg][,accuracy_m] in any order, or GPX"
      )
    ),
    speed: Flag.Finite("speed").pipe(
      Flag.withDefault(1),
      Flag.filter(notNegative, (value) => `must be 0 or more, not ${value}`),
      Flag.withDescription("times faster than recorded; 0: as fast as credit allows")
    ),
    url: Flag.String("url").pipe(
      Flag.optional,
      Flag.withDescription("HTTP address of the server; the running instance's unless given")
    ),
    limitVehicles: Flag.Int("limit-vehicles").pipe(
      Flag.filter(
        (value) => value >= 1,
        (value) => `must be 1 or more, not ${value}`
      ),
      Flag.optional,
      Flag.withDescription("play only the first N vehicles of the file")
    ),
    token: Flag.String("token").pipe(
      Flag.optional,
      Flag.withDescription(
        "an administrator's access token, instead of DROPMATE_ADMIN_EMAIL and DROPMATE_ADMIN_PASSWORD"
      )
    ),
    keepTimes: Flag.Boolean("keep-times").pipe(
      Flag.withDefault(false),
      Flag.withDescription("send the times as recorded; older than 72 h means quarantine")
    ),
    giveUpAfterS: Flag.Finite("give-up-after-s").pipe(
      Flag.withDefault(300),
      Flag.filter(notNegative, (value) => `must be 0 or more, not ${value}`),
      Flag.withDescription("fail when nothing was acknowledged for so many seconds while points wait")
    ),
    json: Flag.Boolean("json").pipe(
      Flag.withDefault(false),
      Flag.withDescription("no progress on stderr; the report is JSON in any case")
    )
  },
  (options) =>
    Effect.gen(function* () {
      const url = yield* serverUrl(Option.getOrUndefined(options.url))
      const vehiclesMax = Option.getOrElse(options.limitVehicles, () => Number.POSITIVE_INFINITY)
      const tracks = yield* Effect.tryPromise({ try: () => readTrace(options.file, vehiclesMax), catch: commandFailed })
      const giveUpAfterMs = options.giveUpAfterS * 1_000
      const rest = yield* adminRest(url, Option.getOrUndefined(options.token), giveUpAfterMs)
      const status = new StatusLine(options.json ? silentOutput : process.stderr)
      yield* politeEnd(
        (signal) =>
          replay({
            tracks,
            rest,
            socketUrl: driverSocketUrl(url),
            sockets: webSocketFactory(),
            speed: options.speed,
            keepTimes: options.keepTimes,
            giveUpAfterMs,
            status,
            signal
          }),
        (cause) => (cause instanceof ReplayIncomplete ? cause : commandFailed(cause))
      ).pipe(Effect.ensuring(Effect.sync(() => status.clear())), Effect.catchIf(isIncomplete, printIncomplete))
    })
).pipe(
  Command.withDescription(
    "Plays a recorded trace as so many driver apps, making the drivers it needs, and prints a JSON report. Comes back by itself when the server restarts."
  )
)

const isIncomplete = (cause: unknown): cause is ReplayIncomplete => cause instanceof ReplayIncomplete

/** How far it came is worth knowing, also when it failed. */
const printIncomplete = (cause: ReplayIncomplete): Effect.Effect<never, CommandFailed> =>
  Console.log(JSON.stringify(cause.report)).pipe(
    Effect.andThen(Effect.fail(new CommandFailed({ message: cause.message, cause })))
  )
