import { ByteSize, Effect } from "effect"
import { HttpIncomingMessage, HttpMethod, type HttpServerRequest } from "effect/http"
import { Limits } from "../config/Limits.ts"
import { Problem } from "./Problem.ts"

const jsonTypes = /^application\/(?:[\w.+-]*\+)?json\s*(?:;|$)/i

/** How deep the brackets of a JSON text nest; texts outside strings only. */
export const jsonDepth = (text: string): number => {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 34) inString = !inString
    else if (inString && code === 92) i++
    else if (!inString && (code === 91 || code === 123)) deepest = Math.max(deepest, ++depth)
    else if (!inString && (code === 93 || code === 125)) depth--
  }
  return deepest
}

const bodyTooLarge = (bytesMax: number): Problem =>
  new Problem({ code: "body_too_large", detail: `at most ${bytesMax} bytes`, headers: { connection: "close" } })

const saidBytes = (request: HttpServerRequest.HttpServerRequest): number =>
  Number(request.headers["content-length"] ?? 0)

const rawTypes = ["application/offset+octet-stream", "application/octet-stream"]

/** Reads the bytes of an endpoint that takes them as they are: 413 beyond `bytesMax`, 415 for another type than bytes. */
export const readRawBody = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest,
  bytesMax: number
) {
  const tooLarge = bodyTooLarge(bytesMax)
  if (saidBytes(request) > bytesMax) return yield* tooLarge
  const [type = ""] = (request.headers["content-type"] ?? "").split(";")
  if (!rawTypes.includes(type.trim().toLowerCase()))
    return yield* new Problem({ code: "unsupported_media_type", allowed: rawTypes })
  const bytes = yield* request.arrayBuffer.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(bytesMax)),
    Effect.mapError(() => tooLarge)
  )
  return new Uint8Array(bytes)
})

/**
 * Reads and bounds the body before anything decodes it: 413 when it is too large (before reading, if it says so), 415 when it is
 * not JSON by its type, 422 when it nests deeper than `jsonDepthMax`, which would overflow the stack of a recursive schema.
 * The text stays with the request, so decoding does not read again.
 */
export const checkRequestBody = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest,
  takesBody: boolean
) {
  if (!HttpMethod.hasBody(request.method)) return
  const limits = yield* Limits
  const tooLarge = bodyTooLarge(limits.bodyBytesMax)
  if (saidBytes(request) > limits.bodyBytesMax) return yield* tooLarge
  if (!takesBody) return
  const encoding = request.headers["content-encoding"]
  if (encoding !== undefined && encoding.toLowerCase() !== "identity")
    return yield* new Problem({ code: "unsupported_media_type", detail: `a body comes as it is, not as ${encoding}` })
  // The only way left to fail is the bound: a client that goes away interrupts the whole request.
  const text = yield* request.text.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(limits.bodyBytesMax)),
    Effect.mapError(() => tooLarge)
  )
  const type = request.headers["content-type"]
  if (text !== "" && type !== undefined && !jsonTypes.test(type)) {
    return yield* new Problem({ code: "unsupported_media_type", allowed: ["application/json"] })
  }
  if (jsonDepth(text) > limits.jsonDepthMax) {
    return yield* new Problem({
      code: "invalid_body",
      errors: [{ pointer: "", code: "invalid_value", detail: `nests deeper than ${limits.jsonDepthMax}` }]
    })
  }
})
