import { isIP } from "node:net"
import { Effect } from "effect"
import type { Env } from "../config/Env.ts"
import type { BucketPlace } from "../persistence/files/Bucket.ts"
import { CommandFailed } from "./CommandFailed.ts"

/** The bucket that the environment names; undefined when files lie in the home folder. CommandFailed when it names a part of one. */
export const bucketOf = (env: Env): Effect.Effect<BucketPlace | undefined, CommandFailed> => {
  const needed = {
    FILES_S3_ENDPOINT: env.filesEndpoint,
    FILES_S3_BUCKET: env.filesBucket,
    FILES_S3_ACCESS_KEY: env.filesAccessKey,
    FILES_S3_SECRET_KEY: env.filesSecretKey
  }
  const names = Object.entries(needed)
  const missing = names.filter(([, value]) => value === undefined).map(([name]) => name)
  const given = [...names, ["FILES_S3_PUBLIC_URL", env.filesPublicUrl] as const].find(
    ([, value]) => value !== undefined
  )
  if (given === undefined) return Effect.succeed(undefined)
  const { filesEndpoint: endpoint, filesBucket: bucket, filesAccessKey: accessKey, filesSecretKey: secretKey } = env
  if (endpoint === undefined || bucket === undefined || accessKey === undefined || secretKey === undefined)
    return Effect.fail(
      new CommandFailed({
        message: `${given[0]} is set, and ${missing.join(", ")} must be too: files go to a bucket or they do not`
      })
    )
  const addresses = [endpoint, env.filesPublicUrl].flatMap((url) => (url === undefined ? [] : [new URL(url).hostname]))
  if (env.filesBucketIn === "host" && addresses.some((host) => isIP(host.replace(/^\[|\]$/g, "")) !== 0))
    return Effect.fail(
      new CommandFailed({ message: "FILES_S3_BUCKET_IN must be path when the endpoint is an IP address" })
    )
  return Effect.succeed({
    endpoint,
    bucket,
    accessKey,
    secretKey,
    region: env.filesRegion,
    isPathStyle: env.filesBucketIn === "path",
    publicUrl: env.filesPublicUrl
  })
}
