import { type Config, ConfigProvider, Effect } from "effect"
import { CommandFailed } from "../CommandFailed.ts"

const port = "a port number from 1 to 65535"
const httpUrl = "an http:// or https:// URL"
const origin = "an http:// or https:// URL without a path"

/** What a variable must be, in words; the schema that decides is in `Env.ts`. */
const expected: Readonly<Record<string, string>> = {
  HTTP_PORT: port,
  REALTIME_PORT: port,
  TRUSTED_PROXY_HOPS: "a whole number from 0 to 8",
  DROPMATE_CLOCK_OFFSET_MS: "a whole number from -3456000000 to 3456000000",
  LOG_LEVEL: "Trace, Debug, Info, Warn or Error",
  LOG_FORMAT: "pretty or json",
  FILES_S3_ENDPOINT: origin,
  FILES_S3_PUBLIC_URL: origin,
  FILES_S3_BUCKET: "3 to 63 of a-z, 0-9, dots and hyphens",
  FILES_S3_BUCKET_IN: "path or host",
  MAP_STYLE_URL: httpUrl,
  PUBLIC_URL: httpUrl
}

/** A schema's message with its path, such as `Expected X at ["HTTP_PORT"]`. */
const pathOf = /at \["([A-Z0-9_]+)"\]/

/** The one sentence for an environment that cannot be read: which variable, what it must be, and what it is. */
export const environmentFault = (cause: Config.ConfigError): Effect.Effect<CommandFailed> =>
  Effect.gen(function* () {
    const name = pathOf.exec(cause.message)?.[1]
    const wanted = name === undefined ? undefined : expected[name]
    // Only a variable with known bounds is shown: others may hold secrets.
    if (name === undefined || wanted === undefined) {
      return new CommandFailed({ message: `the environment is wrong: ${cause.message}`, cause })
    }
    const provider = yield* ConfigProvider.ConfigProvider
    const found = yield* Effect.option(provider.load([name]))
    const actual = found._tag === "Some" && found.value?._tag === "Value" ? found.value.value : ""
    return new CommandFailed({ message: `${name} must be ${wanted}, not ${JSON.stringify(actual)}`, cause })
  })
