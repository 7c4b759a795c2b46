import type { IncomingMessage, ServerResponse } from "node:http"
// Not from the package's root, which loads two Redis clients besides: 650 modules, 0.4 s of CPU at each start.
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import { Env } from "../config/Env.ts"
import { withEdge } from "./Edge.ts"
import { RateLimits } from "./RateLimits.ts"

/** A listener for `request` (and `checkContinue`) events of a `node:http` server. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void

const originsOf = (env: Env): ReadonlySet<string> => {
  const own = env.publicUrl ?? `http://${env.host}:${env.httpPort}`
  return new Set([...env.allowedOrigins, URL.parse(own)?.origin ?? own])
}

/** Serves routes behind the edge. The scope's end interrupts what is under way. */
export const requestHandlerOf = <E, R>(routes: Layer.Layer<never, E, R>) =>
  Effect.gen(function* () {
    const env = yield* Env
    const scope = yield* Effect.scope
    const rates = yield* Layer.build(RateLimits.layer)
    const app = yield* HttpRouter.toHttpEffect(
      routes.pipe(Layer.provide(Layer.succeedContext(rates)), Layer.provide(NodeHttpServer.layerHttpServices))
    )
    const edge = withEdge(app, { cors: { allowedOrigins: originsOf(env) }, trustedProxyHops: env.trustedProxyHops })
    return yield* NodeHttpServer.makeHandler(Effect.provideContext(edge, rates), { scope })
  })
