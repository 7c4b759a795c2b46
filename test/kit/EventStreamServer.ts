import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Exit, Layer, Scope } from "effect"
import { HttpRouter } from "effect/http"
import { withEdge } from "../../src/http/Edge.ts"
import { RateLimits } from "../../src/http/RateLimits.ts"
import { TrackingEventStream } from "../../src/http/tracking/TrackingEventStream.ts"
import type { EngineUnderTest } from "./EngineUnderTest.ts"

/** `GET /v1/tracking/events` alone, behind the edge that every request passes, over an engine. */
export const serveEventStream = async (over: EngineUnderTest) => {
  const scope = await Effect.runPromise(Scope.make())
  const handler = await over.run(
    Effect.gen(function* () {
      const app = yield* HttpRouter.toHttpEffect(
        TrackingEventStream.pipe(Layer.provide(NodeHttpServer.layerHttpServices))
      )
      const rates = yield* Layer.build(RateLimits.layer)
      const edge = withEdge(app, { cors: { allowedOrigins: new Set() }, trustedProxyHops: 0 })
      return yield* NodeHttpServer.makeHandler(Effect.provideContext(edge, rates), { scope })
    }).pipe(Scope.provide(scope))
  )
  const server: Server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/tracking/events`,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await Effect.runPromise(Scope.close(scope, Exit.void))
    }
  }
}
