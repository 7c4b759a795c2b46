import { readFile } from "node:fs/promises"
import { Effect, type Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"

const fleetPage = new URL("../../web/fleet.html", import.meta.url)

/**
 * The pages that are served beside REST. The page may load nothing from elsewhere and talks to its own origin only.
 */
export const WebPages: Layer.Layer<never, never, HttpRouter.HttpRouter> = HttpRouter.add(
  "GET",
  "/",
  Effect.gen(function* () {
    const html = yield* Effect.promise(() => readFile(fleetPage, "utf8"))
    return HttpServerResponse.text(html, {
      contentType: "text/html; charset=utf-8",
      headers: {
        "cache-control": "no-cache",
        "content-security-policy":
          "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
      }
    })
  })
)
