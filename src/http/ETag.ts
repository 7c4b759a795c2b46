import { Effect } from "effect"
import { HttpApiSchema } from "effect/http-api"
import { Problem } from "./Problem.ts"

/** The ETag of a version. */
export const etagOf = (version: number): string => `"${version}"`

/** The version that If-Match asks for; undefined for none and for `*`. A weak tag never matches (RFC 9110, section 13.1.1). */
export const expectedVersion = (ifMatch: string | undefined): Effect.Effect<number | undefined, Problem> => {
  if (ifMatch === undefined || ifMatch.trim() === "*") return Effect.succeed(undefined)
  const version = /^"(\d{1,15})"$/.exec(ifMatch.trim())?.[1]
  return version === undefined
    ? Effect.fail(
        new Problem({ code: "version_mismatch", detail: "If-Match is not an ETag that this resource has ever had" })
      )
    : Effect.succeed(Number(version))
}

/** A resource with its ETag. */
export const versioned = <Body>(version: number, body: Body) =>
  HttpApiSchema.withHeaders({ body, headers: { etag: etagOf(version) } })
