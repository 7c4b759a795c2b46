import type { AddressInfo } from "node:net"
import { createConnection, createServer, type Server, type Socket } from "node:net"

/** A way to PostgreSQL that a test can close and open again. */
export interface DatabaseProxy {
  readonly url: string
  /** Cuts every connection and refuses new ones. */
  readonly cut: () => void
  /** Cuts every connection once; new ones are let through. */
  readonly cutOnce: () => void
  readonly restore: () => void
  readonly stop: () => Promise<void>
}

const target = (url: URL) => {
  const folder = url.searchParams.get("host")
  const port = Number(url.port || url.searchParams.get("port") || 5432)
  return folder === null ? { host: url.hostname, port } : { path: `${folder}/.s.PGSQL.${port}` }
}

/** A TCP proxy on loopback in front of the database of a URL. */
export const proxyDatabase = async (databaseUrl: string): Promise<DatabaseProxy> => {
  const behind = target(new URL(databaseUrl))
  const sockets = new Set<Socket>()
  let open = true
  const server: Server = createServer((near) => {
    if (!open) return void near.destroy()
    const far = createConnection(behind)
    for (const [from, to] of [
      [near, far],
      [far, near]
    ] as const) {
      sockets.add(from)
      from.on("error", () => to.destroy())
      from.on("close", () => {
        sockets.delete(from)
        to.destroy()
      })
      from.pipe(to)
    }
  })
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port))
  )
  const url = new URL(databaseUrl)
  const own = `postgres://${url.username}:${url.password}@127.0.0.1:${port}${url.pathname}`
  const cutOnce = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: own,
    cutOnce,
    cut: () => {
      open = false
      cutOnce()
    },
    restore: () => {
      open = true
    },
    stop: () => {
      cutOnce()
      return new Promise((resolve) => server.close(() => resolve()))
    }
  }
}
