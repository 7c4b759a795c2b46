import { onTestFinished } from "vitest"
import type { Frame } from "../../src/protocol/FrameCodec.ts"
import { TrackingClientFrame, TrackingServerFrame } from "../../src/protocol/FrameType.ts"
import { until } from "./Until.ts"
import { WireClient } from "./WireClient.ts"

/** Fields of SUBSCRIBE that tests vary. */
export interface SubscribeFields {
  readonly version?: unknown
  readonly token?: unknown
  readonly epoch?: unknown
  readonly offset?: unknown
  readonly minIntervalMs?: unknown
}

/** SUBSCRIBE of `/v1/track`. */
export const trackFrame = (fields: SubscribeFields): Frame => [
  TrackingClientFrame.subscribe,
  fields.version ?? 1,
  fields.token ?? null,
  fields.epoch ?? null,
  fields.offset ?? null,
  fields.minIntervalMs ?? null
]

/** One entry of a timeline as a customer has it. */
export interface TimelineEntry {
  readonly offset: number
  readonly type: string
}

/** What a customer's page holds after some frames. */
export class FoldedOrder {
  epoch: unknown = null
  offset: unknown = null
  stage: unknown
  state: Readonly<Record<string, unknown>> = {}
  timeline: Array<TimelineEntry> = []
  /** Frames that came although what they tell was known: an event twice, or out of order. */
  repeated = 0

  take(frame: Frame): void {
    switch (frame[0]) {
      case TrackingServerFrame.snapshot:
        return this.begin(frame)
      case TrackingServerFrame.event: {
        const [, offset, type] = frame as readonly [number, number, string]
        if (typeof this.offset === "number" && offset <= this.offset) this.repeated++
        else this.timeline.push({ offset, type })
        this.offset = offset
        return
      }
      case TrackingServerFrame.stage:
        this.stage = frame[1]
        return
      default:
        return
    }
  }

  private begin([, epoch, offset, state]: Frame): void {
    this.epoch = epoch
    this.offset = offset
    this.state = state as Readonly<Record<string, unknown>>
    this.stage = this.state.stage
    this.timeline = (this.state.timeline as ReadonlyArray<TimelineEntry>).map(({ offset, type }) => ({ offset, type }))
  }
}

/** Opens a socket that ends with the test and says SUBSCRIBE. */
export const watchOrder = async (
  url: string,
  fields: SubscribeFields,
  options: Parameters<typeof WireClient.open>[1] = {}
): Promise<WireClient> => {
  const page = await WireClient.open(`${url}/v1/track`, options)
  onTestFinished(() => page.terminate())
  page.send(trackFrame(fields))
  return page
}

/** What the page holds now. */
export const folded = (page: WireClient, onto: FoldedOrder = new FoldedOrder()): FoldedOrder => {
  for (const frame of page.frames) onto.take(frame)
  return onto
}

/** Waits until the page holds the event of that number, or a state that includes it. */
export const caughtUp = (page: WireClient, offset: number): Promise<FoldedOrder> =>
  until(
    `event ${offset}`,
    () => folded(page),
    ({ offset: seen }) => typeof seen === "number" && seen >= offset
  )
