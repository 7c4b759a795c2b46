import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { CommandFailed, commandFailed } from "../CommandFailed.ts"
import { readEnv } from "../InstanceUrls.ts"
import { readServerRoles, rolesRefusal, ServerRoles, serverRoles } from "./ServerRoles.ts"

/** The server until it is told to stop. Loaded only now: the other commands start faster without it. */
export const serveUntilStopped = Effect.gen(function* () {
  const { serve } = yield* Effect.tryPromise({ try: () => import("./Serve.ts"), catch: commandFailed })
  return yield* serve
})

/** `dropmate serve`: migrates, seeds an empty database, serves until SIGTERM. */
export const serveCommand = Command.make(
  "serve",
  {
    roles: Flag.String("roles").pipe(
      Flag.withDefault(serverRoles.join(",")),
      Flag.withDescription(`what this node does, of ${serverRoles.join(", ")}; all unless given`)
    )
  },
  ({ roles }) =>
    Effect.gen(function* () {
      const wanted = readServerRoles(roles)
      if (wanted === undefined) {
        return yield* new CommandFailed({ message: `--roles must be some of ${serverRoles.join(",")}, not ${roles}` })
      }
      const refusal = rolesRefusal(wanted, yield* readEnv)
      if (refusal !== undefined) return yield* new CommandFailed({ message: refusal })
      return yield* serveUntilStopped.pipe(Effect.provideService(ServerRoles, wanted))
    })
).pipe(
  Command.withDescription(
    "Migrates, makes the baseline on an empty database, and serves until it is told to stop. /readyz answers 200 when it can work."
  )
)
