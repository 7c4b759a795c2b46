import { onTestFinished } from "vitest"
import { RestClient } from "../../src/client/RestClient.ts"
import { FleetServerFrame, TrackingServerFrame } from "../../src/protocol/FrameType.ts"
import { EventSource } from "./EventSource.ts"
import { watchFleet } from "./FleetWatch.ts"
import { processAdmin, type ServerProcess } from "./ServerProcess.ts"
import { TrackedOrders } from "./TrackedOrders.ts"
import { watchOrder } from "./TrackingWatch.ts"
import type { WireClient } from "./WireClient.ts"

/** Everybody who looks on while drivers drive: customers, dispatchers, and customers' pages without WebSockets. */
export interface Onlookers {
  readonly customers: ReadonlyArray<WireClient>
  readonly dispatchers: ReadonlyArray<WireClient>
  readonly streams: ReadonlyArray<EventSource>
}

/** Opens so many of each, half of the sockets by each of the two ports, and waits until each has its beginning. */
export const gatherOnlookers = async (
  server: ServerProcess,
  databaseUrl: string,
  many: { readonly customers: number; readonly dispatchers: number; readonly streams: number }
): Promise<Onlookers> => {
  const orders = await TrackedOrders.open(databaseUrl)
  onTestFinished(() => orders.close())
  const links = await orders.links(await orders.place(), many.customers + many.streams)
  const { access_token: token } = await new RestClient({ url: server.url }).signIn(
    processAdmin.email,
    processAdmin.password
  )
  const urlOf = (i: number): string => `ws://127.0.0.1:${i % 2 === 0 ? server.httpPort : server.realtimePort}`
  const customers = await Promise.all(
    links.slice(0, many.customers).map((link, i) => watchOrder(urlOf(i), { token: link.token }))
  )
  const dispatchers = await Promise.all(
    Array.from({ length: many.dispatchers }, (_, i) => watchFleet(urlOf(i), { token }))
  )
  const streams = await Promise.all(
    links.slice(many.customers).map(async (link) => {
      const opened = await EventSource.open(`${server.url}/v1/tracking/events`, {
        authorization: `Bearer ${link.token}`
      })
      if (!(opened instanceof EventSource)) throw new Error(`no stream: ${JSON.stringify(opened)}`)
      return opened
    })
  )
  for (const page of customers) await page.next(TrackingServerFrame.snapshot)
  for (const page of dispatchers) await page.next(FleetServerFrame.snapshot)
  for (const stream of streams) await stream.next("snapshot")
  return { customers, dispatchers, streams }
}
