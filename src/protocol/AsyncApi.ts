import { Schema } from "effect"
import { closeReason } from "./CloseCode.ts"
import { driverClientFrames, driverServerFrames } from "./DriverFrames.ts"
import { fleetClientFrames, fleetServerFrames } from "./FleetFrames.ts"
import type { FrameDefinition } from "./FrameSchema.ts"
import { trackingClientFrames, trackingServerFrames } from "./TrackingFrames.ts"

/** One WebSocket endpoint with the frames of each direction. */
export interface EndpointFrames {
  readonly name: "driver" | "tracking" | "fleet"
  readonly path: string
  readonly client: ReadonlyArray<FrameDefinition>
  readonly server: ReadonlyArray<FrameDefinition>
}

/** Every endpoint of the protocol. */
export const endpointFrames: ReadonlyArray<EndpointFrames> = [
  { name: "driver", path: "/v1/driver", client: driverClientFrames, server: driverServerFrames },
  { name: "tracking", path: "/v1/track", client: trackingClientFrames, server: trackingServerFrames },
  { name: "fleet", path: "/v1/fleet", client: fleetClientFrames, server: fleetServerFrames }
]

type Json = Readonly<Record<string, unknown>>

/** JSON Schema's local definitions, at their place in an AsyncAPI document. */
const relocated = (schema: unknown): unknown =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/'))

/** The AsyncAPI 3.0 document: one channel for each endpoint, one message for each frame and direction. */
export const asyncApi = (version: string): Json => {
  const schemas: Record<string, unknown> = {}
  const messages: Record<string, unknown> = {}
  const channels: Record<string, unknown> = {}
  const operations: Record<string, unknown> = {}
  const add = (endpoint: EndpointFrames, direction: "client" | "server"): ReadonlyArray<string> =>
    endpoint[direction].map((definition) => {
      const name = `${endpoint.name}.${direction}.${definition.name}`
      const document = Schema.toJsonSchemaDocument(definition.schema)
      Object.assign(schemas, relocated(document.definitions))
      messages[name] = {
        name: definition.name,
        title: `${definition.type} ${definition.name}`,
        summary: definition.summary,
        contentType: "application/msgpack",
        payload: relocated(document.schema)
      }
      return name
    })
  for (const endpoint of endpointFrames) {
    const names = { client: add(endpoint, "client"), server: add(endpoint, "server") }
    const channel = { $ref: `#/channels/${endpoint.name}` }
    const references = (list: ReadonlyArray<string>, root: string) =>
      list.map((name) => ({ $ref: `${root}/messages/${name}` }))
    channels[endpoint.name] = {
      address: endpoint.path,
      messages: Object.fromEntries(
        [...names.client, ...names.server].map((name) => [name, { $ref: `#/components/messages/${name}` }])
      )
    }
    operations[`${endpoint.name}.receive`] = {
      action: "receive",
      channel,
      messages: references(names.client, channel.$ref)
    }
    operations[`${endpoint.name}.send`] = { action: "send", channel, messages: references(names.server, channel.$ref) }
  }
  return {
    asyncapi: "3.0.0",
    info: {
      title: "DropMate realtime protocol",
      version,
      description:
        "Each message is one array, [type, ...fields], as MessagePack in a binary message; with the subprotocol dropmate.json as JSON text. Trailing nil fields may be left out, unknown trailing fields are ignored. See PROTOCOL.md."
    },
    defaultContentType: "application/msgpack",
    channels,
    operations,
    components: { messages, schemas },
    "x-close-codes": closeReason
  }
}
