import type { IncomingMessage, Server } from "node:http"
import { connect, type Socket } from "node:net"
import type { Duplex } from "node:stream"
import { type PeerHeader, peerHeader } from "./PeerHeader.ts"

/** The paths that the realtime listener serves. */
export const realtimePaths: ReadonlySet<string> = new Set(["/v1/driver", "/v1/track", "/v1/fleet"])

/** An answer to an upgrade, as a problem document; the connection ends with it. */
const refusal = (
  status: number,
  title: string,
  { headers = "", ...problem }: { readonly code: string; readonly detail: string; readonly headers?: string }
): string => {
  const body = JSON.stringify({ type: "about:blank", title, status, ...problem })
  const head = `content-type: application/problem+json\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}`
  return `HTTP/1.1 ${status} ${title}\r\n${headers}${head}\r\n\r\n${body}`
}

const notFound = refusal(404, "Not Found", {
  code: "not_found",
  detail: `no socket lives here; there are ${[...realtimePaths].join(", ")}`
})

const notListening = refusal(503, "Service Unavailable", {
  code: "draining",
  detail: "the realtime listener takes no connections now; come back",
  headers: "retry-after: 1\r\n"
})

const notServed = refusal(421, "Misdirected Request", {
  code: "not_served_here",
  detail: "this node has no gateway; connect to one that has"
})

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
      if (!client.destroyed) client.end(notListening)
      upstream.destroy()
    })
    upstream.on("close", () => {
      client.end()
      // Its pipe ends with the upstream. Unread, the client's own end would never be seen, and the socket would stay.
      client.resume()
    })
    upstream.on("connect", () => {
      upstream.write(requestHead(request, peers.sign(addressOf(client as Socket))))
      if (head.length > 0) upstream.write(head)
      upstream.pipe(client)
      client.pipe(upstream)
    })
  })
  return open
}

/** Answers every upgrade on a node without the role gateway. Answers that no pipe is ever open. */
export const refuseUpgrades = (server: Server): OpenPipes => {
  server.on("upgrade", (request: IncomingMessage, client: Duplex) => {
    const path = (request.url ?? "").split("?", 1)[0] ?? ""
    client.on("error", () => client.destroy())
    client.end(realtimePaths.has(path) ? notServed : notFound)
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
