import { isShown, type StagedField, type TrackingStage, trackingStages } from "../../domain/TrackingStage.ts"
import type { Frame } from "../../protocol/FrameCodec.ts"
import { TrackingServerFrame } from "../../protocol/FrameType.ts"

/** What a customer's page was told, in order. */
export type Telling =
  | { readonly kind: "event"; readonly offset: number; readonly type: string }
  | { readonly kind: "stage"; readonly stage: TrackingStage }
  /** A new beginning: all events so far, and the stage. */
  | { readonly kind: "snapshot"; readonly types: ReadonlyArray<string>; readonly stage: TrackingStage }

const stagedFields: ReadonlyArray<StagedField> = ["driver", "position", "stops_ahead", "eta"]

const stageOf = (value: unknown): TrackingStage | undefined => trackingStages.find((stage) => stage === value)

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/**
 * Listens to the frames of one tracking link, before the client hides anything: notes what must not be told at the stage that was told
 * last, and events out of order.
 */
export class TrackingWitness {
  readonly orderId: string
  readonly tellings: Array<Telling> = []
  readonly faults: Array<string> = []
  private stage: TrackingStage | undefined
  private offset = Number.NEGATIVE_INFINITY
  private pin: unknown
  positions = 0
  /** Its page was connected when all was over. */
  sawTheEnd = false

  constructor(orderId: string) {
    this.orderId = orderId
  }

  hear(frame: Frame): void {
    switch (frame[0]) {
      case TrackingServerFrame.snapshot:
        return this.snapshot(frame)
      case TrackingServerFrame.event:
        return this.event(frame)
      case TrackingServerFrame.stage:
        return this.takeStage(frame[1])
      case TrackingServerFrame.position:
        this.positions++
        return this.shown("position")
      default:
        return
    }
  }

  private snapshot([, , offset, state]: Frame): void {
    if (!isFields(state) || typeof offset !== "number") return this.fault("a snapshot without state")
    if (state.order_id !== this.orderId) this.fault(`a snapshot of ${String(state.order_id)}`)
    const stage = stageOf(state.stage)
    if (stage === undefined) return this.fault(`a snapshot at the stage ${String(state.stage)}`)
    this.stage = stage
    for (const field of stagedFields) if (state[field] !== undefined) this.shown(field)
    this.takePin(state.delivery_pin, stage)
    if (offset < this.offset) this.fault(`offset ${offset} after ${this.offset}`)
    this.offset = Math.max(offset, this.offset)
    const timeline: ReadonlyArray<unknown> = Array.isArray(state.timeline) ? state.timeline : []
    const types = timeline.flatMap((entry) => (isFields(entry) ? [String(entry.type)] : []))
    this.tellings.push({ kind: "snapshot", types, stage })
  }

  /** The same each time, and none when nobody will ask any more. */
  private takePin(pin: unknown, stage: TrackingStage): void {
    if (pin === undefined) return
    if (stage === "done") this.fault("a PIN at the stage done")
    if (this.pin !== undefined && this.pin !== pin) this.fault("another PIN than before")
    this.pin = pin
  }

  private event([, offset, type]: Frame): void {
    if (typeof offset !== "number" || typeof type !== "string") return this.fault("an event without its number")
    if (offset <= this.offset) return this.fault(`event ${offset} after ${this.offset}`)
    this.offset = offset
    this.tellings.push({ kind: "event", offset, type })
  }

  private takeStage(value: unknown): void {
    const stage = stageOf(value)
    if (stage === undefined) return this.fault(`the stage ${String(value)}`)
    this.stage = stage
    this.tellings.push({ kind: "stage", stage })
  }

  private shown(field: StagedField): void {
    if (this.stage === undefined || !isShown(this.stage, field)) this.fault(`${field} at the stage ${this.stage}`)
  }

  private fault(what: string): void {
    this.faults.push(what)
  }
}
