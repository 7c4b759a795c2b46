import {
  type Eta,
  type EtaBounds,
  etaByPosition,
  etaBySchedule,
  isWorthTelling,
  noPace,
  type Pace,
  paceAfter
} from "../domain/Eta.ts"
import { isShown, type TrackingStage } from "../domain/TrackingStage.ts"
import type { TrackedOrder } from "../persistence/tracking/TrackingRepo.ts"
import { TrackingServerFrame } from "../protocol/FrameType.ts"
import { SharedFrame } from "./FrameSink.ts"
import type { LivePlace } from "./OrderChannel.ts"

/** Bounds of the estimates of one order. */
export type OrderEtaBounds = EtaBounds & { readonly etaEveryMs: number }

/** What an estimate did to what watchers know. */
export type EtaChange = "same" | "told" | "withdrawn"

/**
 * The estimate of one order as its watchers know it: the same for all of them, and steady. By position only in a stage that shows
 * the position, so that no estimate tells more of where the driver is than the map does; before that by the promised window.
 */
export class OrderEta {
  private known: Eta | undefined
  private knownFrame: SharedFrame | undefined
  private pace: Pace = noPace
  private heardAt = Number.NEGATIVE_INFINITY
  private judgedAt = Number.NEGATIVE_INFINITY
  private readonly bounds: OrderEtaBounds

  constructor(bounds: OrderEtaBounds) {
    this.bounds = bounds
  }

  /** What watchers were told last; undefined when they were told nothing, or that there is nothing. */
  get told(): Eta | undefined {
    return this.known
  }

  get frame(): SharedFrame | undefined {
    return this.knownFrame
  }

  /** The driver was heard, at a time of the server's clock. */
  heard(place: LivePlace, at: number): void {
    this.pace = paceAfter(this.pace, place.speedCms, at)
    // The first place, or the first after a silence, does not wait for its turn.
    if (at - this.heardAt > this.bounds.etaSilentMs) this.judgedAt = Number.NEGATIVE_INFINITY
    this.heardAt = at
  }

  /** Another driver: what was known of the one before says nothing. */
  forgetDriver(): void {
    this.pace = noPace
    this.heardAt = Number.NEGATIVE_INFINITY
  }

  isDue(now: number): boolean {
    return now - this.judgedAt >= this.bounds.etaEveryMs
  }

  /** Nobody watches: whoever comes next is told what is true then. */
  forgetTold(): void {
    this.known = undefined
    this.knownFrame = undefined
  }

  /** Estimates anew, and says what is to be told of it. */
  judge(order: TrackedOrder, stage: TrackingStage, place: LivePlace | undefined, now: number): EtaChange {
    this.judgedAt = now
    const next = this.estimate(order, stage, place, now)
    if (next === undefined) {
      const wasTold = this.known !== undefined
      this.forgetTold()
      // A stage that shows no estimate takes it from the page by itself.
      return wasTold && isShown(stage, "eta") ? "withdrawn" : "same"
    }
    if (!isWorthTelling(this.known, next, this.bounds)) return "same"
    this.known = next
    this.knownFrame = new SharedFrame([
      TrackingServerFrame.eta,
      next.p50At,
      next.p90At,
      next.remainingM ?? null,
      next.stopsAhead ?? null
    ])
    return "told"
  }

  private estimate(
    order: TrackedOrder,
    stage: TrackingStage,
    place: LivePlace | undefined,
    now: number
  ): Eta | undefined {
    if (!isShown(stage, "eta")) return undefined
    const { bounds, heardAt, pace } = this
    const byPosition =
      place === undefined || !isShown(stage, "position")
        ? undefined
        : etaByPosition(
            {
              latE7: place.latE7,
              lngE7: place.lngE7,
              heardAt,
              pace,
              vehicleType: order.driver?.vehicle?.type,
              stopsAhead: order.stopsAhead,
              destination: order.destination
            },
            now,
            bounds
          )
    return byPosition ?? (order.promised === undefined ? undefined : etaBySchedule(order.promised, now, bounds))
  }
}

/** `eta{}` of `state{}`. */
export const etaShape = ({ p50At, p90At, computedAt, source }: Eta): Readonly<Record<string, unknown>> => ({
  p50_at: p50At,
  p90_at: p90At,
  computed_at: computedAt,
  source
})
