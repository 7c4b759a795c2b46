/** First element of every frame, by endpoint and direction (02-protocol, sections 2 to 4). */
export const DriverClientFrame = {
  hello: 1,
  point: 2,
  batch: 3,
  beacon: 4,
  duty: 5,
  offerReply: 6,
  task: 7,
  ping: 8,
  auth: 9
} as const

export const DriverServerFrame = {
  welcome: 32,
  ack: 33,
  refused: 34,
  offer: 35,
  offerGone: 36,
  tasks: 37,
  result: 38,
  cadence: 39,
  pong: 40,
  credit: 41,
  goodbye: 42,
  flagged: 43,
  message: 44
} as const

export const TrackingClientFrame = { subscribe: 1, auth: 3 } as const

export const TrackingServerFrame = {
  snapshot: 32,
  resumed: 33,
  position: 34,
  event: 35,
  eta: 36,
  stage: 37,
  result: 38,
  goodbye: 42
} as const

export const FleetClientFrame = { subscribe: 1, view: 2, auth: 3 } as const

export const FleetServerFrame = {
  snapshot: 32,
  positions: 33,
  gone: 34,
  event: 35,
  resumed: 36,
  drivers: 37,
  result: 38,
  goodbye: 42
} as const

/** The protocol's version, field 1 of HELLO and SUBSCRIBE. */
export const protocolVersion = 1

/** WebSocket subprotocols: JSON text frames, or MessagePack (also the default). */
export const subprotocol = { json: "dropmate.json", msgpack: "dropmate.msgpack" } as const
