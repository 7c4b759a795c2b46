import { Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { instanceUrls } from "./InstanceUrls.ts"

/** `dropmate env`: how other tools reach the instance. */
export const envCommand = Command.make(
  "env",
  {
    json: Flag.Boolean("json").pipe(Flag.withDefault(false), Flag.withDescription("one JSON object and nothing else"))
  },
  ({ json }) =>
    Effect.gen(function* () {
      const urls = yield* instanceUrls
      if (json) return yield* Console.log(JSON.stringify(urls))
      for (const [name, url] of Object.entries(urls)) yield* Console.log(`${name}=${shellQuoted(url)}`)
    })
).pipe(
  Command.withDescription(
    'Prints the URLs of the running instance, for psql, redis-cli and backup tools. As shell assignments: eval "$(npm run -s dropmate -- env)"'
  )
)

const shellQuoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
