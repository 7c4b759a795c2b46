import type { TemplatedApp } from "uWebSockets.js"
import type { Connection } from "./Connection.ts"
import type { CountedAddress } from "./CountedAddress.ts"
import type { Endpoint } from "./Endpoint.ts"
import type { SocketData, Upgrade } from "./UpgradeGate.ts"

/** The open connections of the listener, and how many each address has. */
export class Sockets {
  readonly open = new Set<Connection>()
  private readonly perAddress = new Map<CountedAddress, number>()

  ofAddress(address: CountedAddress): number {
    return this.perAddress.get(address) ?? 0
  }

  enter(connection: Connection): void {
    this.open.add(connection)
    this.perAddress.set(connection.address, this.ofAddress(connection.address) + 1)
  }

  leave(connection: Connection): void {
    this.open.delete(connection)
    const left = this.ofAddress(connection.address) - 1
    if (left === 0) this.perAddress.delete(connection.address)
    else this.perAddress.set(connection.address, left)
  }

  /** Serves an endpoint's path. `now` is the server's clock. */
  mount(app: TemplatedApp, endpoint: Endpoint, upgrade: Upgrade, now: () => number): void {
    app.ws<SocketData>(endpoint.path, {
      compression: 0,
      maxPayloadLength: endpoint.payloadBytesMax,
      maxBackpressure: endpoint.backpressureBytesMax,
      closeOnBackpressureLimit: false,
      // A last line behind our own keep-alive, which says GOODBYE first.
      idleTimeout: 120,
      sendPingsAutomatically: false,
      upgrade,
      open: (ws) => {
        const { connection } = ws.getUserData()
        connection.attach(ws)
        this.enter(connection)
      },
      message: (ws, message) => {
        ws.getUserData().connection.behaviour?.received(new Uint8Array(message), now())
      },
      pong: (ws) => {
        ws.getUserData().connection.heard(now())
      },
      ping: (ws) => {
        ws.getUserData().connection.heard(now())
      },
      close: (ws, code) => {
        const { connection } = ws.getUserData()
        connection.detach()
        this.leave(connection)
        connection.behaviour?.closed(code)
      }
    })
  }
}
