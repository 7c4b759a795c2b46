import { App, type us_listen_socket, us_socket_local_port, type WebSocket } from "uWebSockets.js"
import { defaultLimits } from "../../src/config/Limits.ts"

/**
 * A uWebSockets server with the product's settings of the fleet endpoint, for the hub and for the bare publish alike. `opened`
 * makes what a socket carries. Resolves to the port.
 */
export const listenForSockets = <Data>(on: {
  readonly made: () => Data
  readonly opened?: (socket: WebSocket<Data>) => void
  readonly message: (socket: WebSocket<Data>, message: ArrayBuffer) => void
}): Promise<{ readonly port: number; readonly publish: (topic: string, message: Uint8Array) => void }> =>
  new Promise((resolve, reject) => {
    const app = App()
    app.ws<Data>("/*", {
      compression: 0,
      maxPayloadLength: defaultLimits.frameBytesMax,
      maxBackpressure: defaultLimits.fleetBackpressureBytesMax,
      idleTimeout: 0,
      sendPingsAutomatically: false,
      upgrade: (response, request, context) =>
        response.upgrade<Data>(on.made(), request.getHeader("sec-websocket-key"), "", "", context),
      open: (socket) => on.opened?.(socket),
      message: on.message
    })
    app.listen("127.0.0.1", 0, (socket: us_listen_socket | false) => {
      if (socket === false) return reject(new Error("cannot listen on 127.0.0.1"))
      resolve({
        port: us_socket_local_port(socket),
        publish: (topic, message) => void app.publish(topic, message, true)
      })
    })
  })
