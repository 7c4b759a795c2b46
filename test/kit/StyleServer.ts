import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { onTestFinished } from "vitest"

/** What a map server may answer a page with. */
export type StyleAnswer = "a style" | "a style whose tiles fail" | "something else" | "an error"

/** A colour that no page of the product uses. */
export const operatorsLand = "#b03bd4"

const styleOf = (tilesUrl: string | undefined): unknown => ({
  version: 8,
  sources: tilesUrl === undefined ? {} : { streets: { type: "raster", tiles: [tilesUrl], tileSize: 256 } },
  layers: [
    { id: "land", type: "background", paint: { "background-color": operatorsLand } },
    ...(tilesUrl === undefined ? [] : [{ id: "streets", type: "raster", source: "streets" }])
  ]
})

/** A map server of an operator, on another origin than the pages. */
export class StyleServer {
  readonly styleUrl: string
  answer: StyleAnswer = "a style"
  private readonly server: Server

  private constructor(server: Server) {
    this.server = server
    this.styleUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/style.json`
    server.on("request", ({ url }, response) => {
      const isStyle = url === "/style.json" && this.answer !== "an error"
      response.writeHead(isStyle ? 200 : 500, {
        "content-type": "application/json",
        "access-control-allow-origin": "*"
      })
      response.end(isStyle ? JSON.stringify(this.body()) : "{}")
    })
  }

  /** Ends with the test. */
  static async start(): Promise<StyleServer> {
    const server = createServer()
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
    const made = new StyleServer(server)
    onTestFinished(() => made.stop())
    return made
  }

  stop(): void {
    this.server.closeAllConnections()
    this.server.close()
  }

  private body(): unknown {
    if (this.answer === "something else") return { hello: "world" }
    const tiles = this.styleUrl.replace("style.json", "{z}/{x}/{y}.png")
    return styleOf(this.answer === "a style" ? undefined : tiles)
  }
}
