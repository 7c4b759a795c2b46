import { type Cause, Effect, Layer, Queue, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Limits } from "../../config/Limits.ts"
import { CloseCode, closeReason } from "../../protocol/CloseCode.ts"
import type { Frame } from "../../protocol/FrameCodec.ts"
import { TrackingServerFrame } from "../../protocol/FrameType.ts"
import type { FrameSink, SharedFrame } from "../../realtime/FrameSink.ts"
import { OrderHub } from "../../realtime/OrderHub.ts"
import { TrackGate } from "../../realtime/TrackGate.ts"
import { TrackSubscriber } from "../../realtime/TrackSubscriber.ts"
import { Problem, problemResponse } from "../Problem.ts"
import type { ProblemCode } from "../ProblemCode.ts"

/** Names of the events, and of the fields of their data, by frame type (02-protocol, section 3). */
const eventShapes: Readonly<Record<number, readonly [name: string, ...fields: ReadonlyArray<string>]>> = {
  [TrackingServerFrame.snapshot]: ["snapshot", "epoch", "offset", "state"],
  [TrackingServerFrame.resumed]: ["resumed", "epoch", "offset"],
  [TrackingServerFrame.position]: ["position", "recordedAt", "latE7", "lngE7", "speedCms", "headingCdeg"],
  [TrackingServerFrame.event]: ["event", "offset", "type", "occurredAt", "data"],
  [TrackingServerFrame.eta]: ["eta", "p50At", "p90At", "remainingM", "stopsAhead"],
  [TrackingServerFrame.stage]: ["stage", "stage"],
  [TrackingServerFrame.goodbye]: ["goodbye", "code", "reason", "retryAfterMs"]
}

const utf8 = new TextEncoder()

/** One frame as a server-sent event. `id` is what Last-Event-ID will resume from. */
const eventBytes = (frame: Frame, epoch: number | undefined): Uint8Array => {
  const [name, ...fields] = eventShapes[frame[0] as number] ?? ["frame"]
  const data = JSON.stringify(Object.fromEntries(fields.map((field, i) => [field, frame[i + 1] ?? null])))
  const offset = frame[0] === TrackingServerFrame.event ? frame[1] : hasEpoch(frame) ? frame[2] : undefined
  const id = offset === undefined || epoch === undefined ? "" : `id: ${epoch}:${String(offset)}\n`
  return utf8.encode(`event: ${name}\n${id}data: ${data}\n\n`)
}

const hasEpoch = (frame: Frame): boolean =>
  frame[0] === TrackingServerFrame.snapshot || frame[0] === TrackingServerFrame.resumed

/** A tracking subscriber whose frames leave as server-sent events. */
class EventStreamSink implements FrameSink {
  private readonly queue: Queue.Queue<Uint8Array, Cause.Done>
  private readonly framesMax: number
  private epoch: number | undefined

  constructor(queue: Queue.Queue<Uint8Array, Cause.Done>, framesMax: number) {
    this.queue = queue
    this.framesMax = framesMax
  }

  send(frame: SharedFrame): void {
    if (hasEpoch(frame.frame)) this.epoch = frame.frame[1] as number
    if (!Queue.offerUnsafe(this.queue, eventBytes(frame.frame, this.epoch))) this.close(CloseCode.tooSlow, 0)
  }

  /** A comment that keeps proxies from closing a quiet stream. */
  keepAlive(): void {
    if (!this.isBehind) Queue.offerUnsafe(this.queue, utf8.encode(": still here\n\n"))
  }

  get isBehind(): boolean {
    return Queue.sizeUnsafe(this.queue) > this.framesMax / 2
  }

  close(code: CloseCode, retryAfterMs: number): void {
    Queue.offerUnsafe(
      this.queue,
      eventBytes([TrackingServerFrame.goodbye, code, closeReason[code], retryAfterMs], this.epoch)
    )
    Queue.endUnsafe(this.queue)
  }
}

const problemOf: Partial<Record<CloseCode, ProblemCode>> = {
  [CloseCode.tokenInvalid]: "token_invalid",
  [CloseCode.trackingExpired]: "tracking_expired",
  [CloseCode.trackingRevoked]: "tracking_revoked",
  [CloseCode.databaseUnavailable]: "database_unavailable"
}

/** `epoch:offset` of Last-Event-ID; nothing when it is anything else. */
const resumePoint = (header: string | undefined): { readonly epoch: unknown; readonly offset: unknown } => {
  const [, epoch, offset] = /^(\d+):(\d+)$/.exec(header ?? "") ?? []
  return epoch === undefined ? { epoch, offset } : { epoch: Number(epoch), offset: Number(offset) }
}

/**
 * `GET /v1/tracking/events`: the stream of `/v1/track` as Server-Sent Events, for pages and programs without WebSockets. The
 * token travels in Authorization; Last-Event-ID resumes.
 */
export const TrackingEventStream = Layer.unwrap(
  Effect.gen(function* () {
    const limits = yield* Limits
    const gate = yield* TrackGate
    const hub = yield* OrderHub

    return HttpRouter.add(
      "GET",
      "/v1/tracking/events",
      Effect.gen(function* () {
        const { headers } = yield* HttpServerRequest.HttpServerRequest
        const [scheme, token] = (headers.authorization ?? "").split(" ")
        if (scheme?.toLowerCase() !== "bearer" || token === undefined)
          return yield* new Problem({ code: "token_missing" })
        const admission = yield* gate.admit(token)
        if (admission._tag === "Refused")
          return yield* new Problem({ code: problemOf[admission.code] ?? "token_invalid" })
        const body = Stream.callback<Uint8Array>(
          (queue) =>
            Effect.gen(function* () {
              const sink = new EventStreamSink(queue, limits.trackStreamFramesMax)
              const subscriber = new TrackSubscriber(
                sink,
                admission.sessionId,
                admission.expiresAtMs,
                limits.trackIntervalMsDefault
              )
              yield* Effect.addFinalizer(() => Effect.sync(() => hub.unsubscribe(admission.orderId, subscriber)))
              yield* hub.subscribe(admission.orderId, subscriber, resumePoint(headers["last-event-id"])).pipe(
                Effect.catch((error) =>
                  Effect.sync(() => {
                    if (error === "order_absent") return sink.close(CloseCode.tokenInvalid, 0)
                    if (error === "order_finished") return sink.close(CloseCode.trackingFinished, 0)
                    if (error === "link_crowded") return sink.close(CloseCode.tooManyConnections, 0)
                    return sink.close(CloseCode.databaseUnavailable, limits.retryAfterMs)
                  })
                )
              )
              return yield* Effect.sync(() => sink.keepAlive()).pipe(Effect.delay(limits.pingEveryMs), Effect.forever)
            }),
          { bufferSize: limits.trackStreamFramesMax, strategy: "dropping" }
        )
        return HttpServerResponse.stream(body, {
          contentType: "text/event-stream",
          headers: { "cache-control": "no-store", "x-accel-buffering": "no" }
        })
      }).pipe(Effect.catchTag("Problem", problemResponse))
    )
  })
)
