import { hostname } from "node:os"
import { Config, Context, Option, type Redacted, Schema, SchemaTransformation } from "effect"

/** Every environment variable, decoded once. Nothing else reads the environment. */
export interface Env {
  /** Address that both ports listen on. */
  readonly host: string
  /** REST, pages and, piped, the sockets: all that the outside needs. */
  readonly httpPort: number
  /** The realtime listener itself. */
  readonly realtimePort: number
  /** Undefined: the embedded PostgreSQL. The user must be able to create roles on first start. */
  readonly databaseUrl: Redacted.Redacted | undefined
  /** Undefined: the embedded Redis. */
  readonly redisUrl: Redacted.Redacted | undefined
  /** Where jobs are queued. Its maxmemory-policy must be noeviction. Undefined: the Redis of REDIS_URL. */
  readonly queueRedisUrl: Redacted.Redacted | undefined
  /** Embedded data, cache, logs and secrets. Undefined: `.dropmate` beside package.json. */
  readonly home: string | undefined
  /** Downloads, which several homes may share. Undefined: `cache` in the home. */
  readonly cacheDir: string | undefined
  /** Signs tokens. Undefined: generated into the home; refused when DATABASE_URL is set. */
  readonly secret: Redacted.Redacted | undefined
  /** The first administrator, who is made on an empty database. */
  readonly adminEmail: string | undefined
  /** Undefined: generated, and shown once. */
  readonly adminPassword: Redacted.Redacted | undefined
  /** The least level that is logged. */
  readonly logLevel: "Trace" | "Debug" | "Info" | "Warn" | "Error"
  /** `pretty`: key=value lines; `json`: an object a line. */
  readonly logFormat: "pretty" | "json"
  /** Where logs, metrics and traces go as OTLP over HTTP. Undefined: nowhere. */
  readonly otlpUrl: string | undefined
  /** Stripe's secret key (`sk_...` or a restricted `rk_...`). Undefined: payments by the method stripe are refused. */
  readonly stripeSecretKey: Redacted.Redacted | undefined
  /** What Stripe signs its webhooks with (`whsec_...`). Undefined: none are taken. */
  readonly stripeWebhookSecret: Redacted.Redacted | undefined
  /** Where Stripe's API is, for tests. Undefined: where the library knows it. */
  readonly stripeApiUrl: string | undefined
  /** The address of what speaks S3, such as https://s3.eu-central-1.amazonaws.com; asks for the next three too. Undefined: files lie in the home folder. */
  readonly filesEndpoint: string | undefined
  /** The bucket that files lie in. */
  readonly filesBucket: string | undefined
  /** Who signs for the bucket. */
  readonly filesAccessKey: string | undefined
  /** What is signed with. */
  readonly filesSecretKey: Redacted.Redacted | undefined
  /** The region that signatures name. */
  readonly filesRegion: string
  /** The bucket stands in the path (ENDPOINT/BUCKET/KEY) or in the host's name (BUCKET.ENDPOINT/KEY). */
  readonly filesBucketIn: "path" | "host"
  /** How browsers reach FILES_S3_ENDPOINT: download links lead there. Undefined: they lead to this server, which reads the bucket itself. */
  readonly filesPublicUrl: string | undefined
  /** A MapLibre style that the pages draw their map with. Undefined: the pages draw the simulated city's streets themselves. */
  readonly mapStyleUrl: string | undefined
  /** Origins of browsers that may call REST and open sockets, besides the server's own. */
  readonly allowedOrigins: ReadonlyArray<string>
  /** How the outside reaches this server, for links and same-origin checks. Undefined: http://HOST:HTTP_PORT. */
  readonly publicUrl: string | undefined
  /** Our own proxies in front of this server, whose X-Forwarded-For is believed. 0: the header is not read. */
  readonly trustedProxyHops: number
  /**
   * Name of this node in sessions and logs; host and process unless given. Sessions that an earlier run left open are ended
   * under this name, so no two running nodes may share one.
   */
  readonly nodeName: string
  /** `shared`: shipments are spread over the nodes with the role actors; `alone`: each node decides by itself. */
  readonly cluster: "alone" | "shared"
  /** Where the other nodes of a shared cluster reach this one's shipments. No secret protects that port: keep it in the private network. */
  readonly clusterAddress: { readonly host: string; readonly port: number } | undefined
  /** For tests only: the server's clock runs this far ahead of the machine's (negative: behind). Milliseconds, 0 in production. */
  readonly clockOffsetMs: number
}

export const Env = Context.Service<Env>("dropmate/config/Env")

const optional = <A>(config: Config.Config<A>): Config.Config<A | undefined> =>
  config.pipe(Config.option, Config.map(Option.getOrUndefined))

const isHttpUrl = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)

/** An address that a page or a link can be made of. */
const HttpUrl = Schema.String.check(
  Schema.makeFilter((text) => isHttpUrl(text) || "expected an http:// or https:// URL")
)

const isOrigin = (text: string): boolean => {
  const url = URL.parse(text)
  return url !== null && isHttpUrl(text) && `${url.origin}/` === url.href
}

/** An address that keys of objects are put behind. */
const HttpOrigin = Schema.String.check(
  Schema.makeFilter((text) => isOrigin(text) || "expected an http:// or https:// URL without a path")
)

/** What S3 takes as the name of a bucket. */
const BucketName = Schema.String.check(
  Schema.makeFilter(
    (text) => /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(text) || "expected 3 to 63 of a-z, 0-9, dots and hyphens"
  )
)

const hostAndPort = /^(?<host>[a-zA-Z0-9.-]+|\[[0-9a-fA-F:]+\]):(?<port>\d{1,5})$/

/** `10.0.0.5:34431`, as others reach it. */
const HostAndPort = Schema.String.check(
  Schema.makeFilter((text) => {
    const port = Number(hostAndPort.exec(text)?.groups?.port)
    return (port >= 1 && port <= 65_535) || "expected host:port, as 10.0.0.5:34431"
  })
).pipe(
  Schema.decodeTo(
    Schema.Struct({ host: Schema.String, port: Schema.Int }),
    SchemaTransformation.transform({
      decode: (text) => {
        const { host = "", port = "0" } = hostAndPort.exec(text)?.groups ?? {}
        return { host, port: Number(port) }
      },
      encode: ({ host, port }) => `${host}:${port}`
    })
  )
)

/** Forty days: as far off as tests set a clock. */
const clockOffsetMsMax = 40 * 86_400_000

/** Decodes the environment; fails naming the variable and what it must be. */
export const envConfig: Config.Config<Env> = Config.all({
  host: Config.String("HOST").pipe(Config.withDefault("127.0.0.1")),
  httpPort: Config.Port("HTTP_PORT").pipe(Config.withDefault(8080)),
  realtimePort: Config.Port("REALTIME_PORT").pipe(Config.withDefault(8081)),
  databaseUrl: optional(Config.Redacted("DATABASE_URL")),
  redisUrl: optional(Config.Redacted("REDIS_URL")),
  queueRedisUrl: optional(Config.Redacted("QUEUE_REDIS_URL")),
  home: optional(Config.NonEmptyString("DROPMATE_HOME")),
  cacheDir: optional(Config.NonEmptyString("DROPMATE_CACHE")),
  secret: optional(Config.Redacted("DROPMATE_SECRET")),
  adminEmail: optional(Config.NonEmptyString("DROPMATE_ADMIN_EMAIL")),
  adminPassword: optional(Config.Redacted("DROPMATE_ADMIN_PASSWORD")),
  logLevel: Config.Literals(["Trace", "Debug", "Info", "Warn", "Error"], "LOG_LEVEL").pipe(Config.withDefault("Info")),
  logFormat: Config.Literals(["pretty", "json"], "LOG_FORMAT").pipe(Config.withDefault("pretty")),
  otlpUrl: optional(Config.NonEmptyString("OTLP_URL")),
  stripeSecretKey: optional(Config.Redacted("STRIPE_SECRET_KEY")),
  stripeWebhookSecret: optional(Config.Redacted("STRIPE_WEBHOOK_SECRET")),
  stripeApiUrl: optional(Config.schema(HttpUrl, "STRIPE_API_URL")),
  filesEndpoint: optional(Config.schema(HttpOrigin, "FILES_S3_ENDPOINT")),
  filesBucket: optional(Config.schema(BucketName, "FILES_S3_BUCKET")),
  filesAccessKey: optional(Config.NonEmptyString("FILES_S3_ACCESS_KEY")),
  filesSecretKey: optional(Config.Redacted("FILES_S3_SECRET_KEY")),
  filesRegion: Config.NonEmptyString("FILES_S3_REGION").pipe(Config.withDefault("us-east-1")),
  filesBucketIn: Config.Literals(["path", "host"], "FILES_S3_BUCKET_IN").pipe(Config.withDefault("path")),
  filesPublicUrl: optional(Config.schema(HttpOrigin, "FILES_S3_PUBLIC_URL")),
  mapStyleUrl: optional(Config.schema(HttpUrl, "MAP_STYLE_URL")),
  allowedOrigins: Config.String("ALLOWED_ORIGINS").pipe(
    Config.withDefault(""),
    Config.map((list) =>
      list
        .split(",")
        .map((origin) => origin.trim())
        .filter((origin) => origin !== "")
    )
  ),
  publicUrl: optional(Config.schema(HttpUrl, "PUBLIC_URL")),
  trustedProxyHops: Config.schema(
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 8 })),
    "TRUSTED_PROXY_HOPS"
  ).pipe(Config.withDefault(0)),
  nodeName: Config.NonEmptyString("NODE_NAME").pipe(Config.withDefault(`${hostname()}-${process.pid}`)),
  cluster: Config.Literals(["alone", "shared"], "CLUSTER").pipe(Config.withDefault("alone")),
  clusterAddress: optional(Config.schema(HostAndPort, "CLUSTER_ADDRESS")),
  clockOffsetMs: Config.schema(
    Schema.Int.check(Schema.isBetween({ minimum: -clockOffsetMsMax, maximum: clockOffsetMsMax })),
    "DROPMATE_CLOCK_OFFSET_MS"
  ).pipe(Config.withDefault(0))
})
