import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { extname, join } from "node:path"
import { promisify } from "node:util"
import { brotliCompress, constants } from "node:zlib"
import { Data, Effect, type Layer } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"

/** The built pages cannot be read. */
export class WebPagesUnreadable extends Data.TaggedError("WebPagesUnreadable")<{
  readonly folder: string
  readonly reason: string
}> {
  override get message() {
    return `the web pages in ${this.folder} cannot be read (${this.reason}); remove dist/web and start again`
  }
}

/** What the pages are made of and told. */
export interface WebPagesOptions {
  /** A folder that `scripts/buildWeb.ts` made. */
  readonly folder: string
  /** The operator's map; the pages draw their own without one. */
  readonly mapStyleUrl: string | undefined
}

interface WebFile {
  readonly body: Uint8Array
  readonly brotli: Uint8Array
  readonly etag: string
  readonly contentType: string
}

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2"
}

/** A hash of the content is in the name, so the name never means anything else. */
const forEver = "public, max-age=31536000, immutable"

const configElement = /<script id="web-config" type="application\/json">\{\}<\/script>/

const compress = promisify(brotliCompress)

/**
 * What a page may load: its own files and sockets, images drawn in memory, and, when the operator chose a map elsewhere, that map's
 * tiles, glyphs and sprites over HTTPS. MapLibre starts its worker from a file of ours, and needs neither eval nor inline code.
 */
export const pagePolicy = (mapStyleUrl: string | undefined): string => {
  const elsewhere = mapStyleUrl === undefined ? "" : ` https: ${new URL(mapStyleUrl).origin}`
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "worker-src 'self'",
    `connect-src 'self'${elsewhere}`,
    `img-src 'self' data: blob:${elsewhere}`,
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ].join("; ")
}

const webFile = async (name: string, body: Uint8Array): Promise<WebFile> => ({
  body,
  // The pages are compressed once, at start: 9 is half a second for 2 MB, the highest quality would be five.
  brotli: await compress(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
  etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`,
  contentType: contentTypes[extname(name)] ?? "application/octet-stream"
})

// JSON inside HTML: "</script>" and "<!--" must not be seen by the HTML parser.
const configured = (html: Uint8Array, options: WebPagesOptions): Uint8Array => {
  const config = JSON.stringify({ map_style_url: options.mapStyleUrl ?? null }).replaceAll("<", "\\u003c")
  const text = new TextDecoder().decode(html)
  return new TextEncoder().encode(
    text.replace(configElement, () => `<script id="web-config" type="application/json">${config}</script>`)
  )
}

const answer = (file: WebFile, headers: Readonly<Record<string, string>>) =>
  Effect.map(HttpServerRequest.HttpServerRequest, (request) => {
    const known = request.headers["if-none-match"]
    const own = { ...headers, etag: file.etag, vary: "Accept-Encoding" }
    if (known?.split(/\s*,\s*/).includes(file.etag) === true)
      return HttpServerResponse.empty({ status: 304, headers: own })
    const takesBrotli = /\bbr\b/.test(request.headers["accept-encoding"] ?? "")
    return HttpServerResponse.uint8Array(takesBrotli ? file.brotli : file.body, {
      contentType: file.contentType,
      headers: takesBrotli ? { ...own, "content-encoding": "br" } : own
    })
  })

type Routes = ReadonlyArray<HttpRouter.Route<never, HttpServerRequest.HttpServerRequest>>

const page = (paths: ReadonlyArray<`/${string}`>, file: WebFile, policy: string): Routes =>
  paths.map((path) =>
    HttpRouter.route("GET", path, answer(file, { "cache-control": "no-cache", "content-security-policy": policy }))
  )

const load = async (options: WebPagesOptions): Promise<Routes> => {
  const { folder } = options
  const html = (name: string) => webFile(name, configured(readFileSync(join(folder, name)), options))
  const [consolePage, trackingPage] = await Promise.all([html("console.html"), html("tracking.html")])
  const assets = await Promise.all(
    readdirSync(join(folder, "assets")).map(async (name) => {
      const file = await webFile(name, readFileSync(join(folder, "assets", name)))
      return HttpRouter.route("GET", `/assets/${name}`, answer(file, { "cache-control": forEver }))
    })
  )
  const policy = pagePolicy(options.mapStyleUrl)
  return [
    HttpRouter.route("GET", "/", HttpServerResponse.redirect("/console")),
    ...page(["/console/*"], consolePage, policy),
    ...page(["/t/"], trackingPage, policy),
    ...assets
  ]
}

/**
 * The dispatcher's console and the customer's tracking page, from memory: a server goes on with the pages that it started with,
 * whatever is built meanwhile.
 */
export const webPages = (
  options: WebPagesOptions
): Effect.Effect<Layer.Layer<never, never, HttpRouter.HttpRouter>, WebPagesUnreadable> =>
  Effect.map(
    Effect.tryPromise({
      try: () => load(options),
      catch: (cause) => new WebPagesUnreadable({ folder: options.folder, reason: String(cause) })
    }),
    (routes) => HttpRouter.addAll(routes)
  )
