import { type ClientRequest, type IncomingMessage, request } from "node:http"
import { onTestFinished } from "vitest"
import { until } from "./Until.ts"

/** One server-sent event. */
export interface SentEvent {
  readonly name: string
  readonly id: string | undefined
  readonly data: Readonly<Record<string, unknown>>
}

/** A reader of server-sent events that keeps all it gets, comments too. */
export class EventSource {
  readonly events: Array<SentEvent> = []
  readonly comments: Array<string> = []
  readonly headers: IncomingMessage["headers"]
  isEnded = false
  private readonly response: IncomingMessage
  private readonly asked: ClientRequest
  private rest = ""
  private at = 0

  private constructor(asked: ClientRequest, response: IncomingMessage) {
    this.asked = asked
    this.response = response
    this.headers = response.headers
    response.setEncoding("utf8")
    response.on("data", (text: string) => this.take(text))
    response.on("close", () => {
      this.isEnded = true
    })
    response.on("error", () => undefined)
  }

  /** Asks; answers the reader, or what came instead of a stream. It ends with the test. */
  static open(
    url: string,
    headers: Readonly<Record<string, string>>
  ): Promise<EventSource | { readonly status: number; readonly body: Readonly<Record<string, unknown>> }> {
    return new Promise((resolve, reject) => {
      const asked = request(url, { headers })
      asked.on("error", reject)
      asked.on("response", (response) => {
        if (response.statusCode === 200) return resolve(new EventSource(asked, response))
        let text = ""
        response.on("data", (part: Buffer) => {
          text += part.toString()
        })
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }))
      })
      onTestFinished(() => void asked.destroy())
      asked.end()
    })
  }

  /** The next event of that name after those already taken. */
  async next(name: string): Promise<SentEvent> {
    const index = await until(
      `the event ${name}`,
      () => this.events.findIndex((event, i) => i >= this.at && event.name === name),
      (found) => found >= 0
    )
    this.at = index + 1
    return this.events[index] as SentEvent
  }

  /** Reads no more until `resume`; what comes fills the buffers on the way. */
  pause(): void {
    this.response.pause()
  }

  resume(): void {
    this.response.resume()
  }

  close(): void {
    this.asked.destroy()
  }

  private take(text: string): void {
    const blocks = (this.rest + text).split("\n\n")
    this.rest = blocks.pop() ?? ""
    for (const block of blocks) this.read(block)
  }

  private read(block: string): void {
    const fields = new Map<string, string>()
    for (const line of block.split("\n")) {
      const colon = line.indexOf(":")
      if (colon === 0) this.comments.push(line)
      else fields.set(line.slice(0, colon), line.slice(colon + 2))
    }
    const data = fields.get("data")
    if (data === undefined) return
    this.events.push({ name: fields.get("event") ?? "message", id: fields.get("id"), data: JSON.parse(data) })
  }
}
