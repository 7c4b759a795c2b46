import type { IncomingMessage, Server } from "node:http"
import { connect, type Socket } from "node:net"
import type { Duplex } from "node:stream"
import { type PeerHeader, peerHeader } from "./PeerHeader.ts"

/** The paths that the realtime listener serves. */
export const realtimePaths: ReadonlySet<string> = new Set(["/v1/driver", "/v1/track", "/v1/fleet"])

const notFound = "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"

/** The upgrades that are piped now. */
export interface OpenPipes {
  /** How many have not ended on both sides: what they were told last may still be on its way. */
  readonly size: number
}

/**
 * Pipes WebSocket upgrades that arrive at the HTTP port to the realtime listener, so that one port is enough behind a proxy.
 * The request goes on as it came, except that the peer's address is added, signed, and taken out if a client sent one.
 */
export const pipeUpgrades = (
  server: Server,
  peers: PeerHeader,
  realtime: { readonly host: string; readonly port: number }
): OpenPipes => {
  const open = new Set<Duplex>()
  server.on("upgrade", (request: IncomingMessage, client: Duplex, head: Buffer) => {
    const path = (request.url ?? "").split("?", 1)[0] ?? ""
    if (!realtimePaths.has(path)) {
      client.end(notFound)
      return
    }
    open.add(client)
    client.once("close", () => open.delete(client))
    const upstream = connect({ host: realtime.host, port: realtime.port, noDelay: true })
    const end = (): void => {
      client.destroy()
      upstream.destroy()
    }
    client.on("error", end)
    client.on("close", end)
    upstream.on("error", () => {
      if (!client.destroyed)
        client.end(
          "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        )
      upstream.destroy()
    })
    upstream.on("close", () => client.end())
    upstream.on("connect", () => {
      upstream.write(requestHead(request, peers.sign(addressOf(client as Socket))))
      if (head.length > 0) upstream.write(head)
      upstream.pipe(client)
      client.pipe(upstream)
    })
  })
  return open
}

const notServed = JSON.stringify({
  type: "about:blank",
  title: "Misdirected Request",
  status: 421,
  code: "not_served_here",
  detail: "this node has no gateway; connect to one that has"
})

/** Answers every upgrade on a node without the role gateway. Answers that no pipe is ever open. */
export const refuseUpgrades = (server: Server): OpenPipes => {
  server.on("upgrade", (request: IncomingMessage, client: Duplex) => {
    const path = (request.url ?? "").split("?", 1)[0] ?? ""
    client.on("error", () => client.destroy())
    client.end(
      realtimePaths.has(path)
        ? `HTTP/1.1 421 Misdirected Request\r\ncontent-type: application/problem+json\r\nconnection: close\r\ncontent-length: ${notServed.length}\r\n\r\n${notServed}`
        : notFound
    )
  })
  return { size: 0 }
}

const addressOf = (socket: Socket): string => socket.remoteAddress ?? "unknown"

const requestHead = (request: IncomingMessage, signedPeer: string): string => {
  const lines = [`${request.method} ${request.url} HTTP/1.1`]
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i] as string
    if (name.toLowerCase() !== peerHeader) lines.push(`${name}: ${request.rawHeaders[i + 1]}`)
  }
  lines.push(`${peerHeader}: ${signedPeer}`, "", "")
  return lines.join("\r\n")
}
