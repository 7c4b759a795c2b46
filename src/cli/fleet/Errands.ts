import type { DriverClient } from "../../client/DriverClient.ts"
import type { DriverMotion } from "../../domain/simulation/DriverMotion.ts"
import type { SeededRandom } from "../../domain/simulation/SeededRandom.ts"
import { nearestCrossing, placeMetres, type StreetNetwork } from "../../domain/simulation/StreetNetwork.ts"
import type { TaskAction } from "../../domain/TaskAction.ts"
import { failureReasons } from "../../domain/TaskPayload.ts"
import type { Camera } from "./Camera.ts"
import type { DriverHabits } from "./DriverHabits.ts"
import type { TaskReceipt } from "./TaskReceipt.ts"

/** What became of a shipment that a driver was given: an action that the server took, or the driver has it no more. */
export type ErrandProgress = TaskAction | "dropped"

/** Hears what becomes of a shipment. */
export type ErrandListener = (shipmentId: string, progress: ErrandProgress) => void

/** What an errand needs of a TASKS frame. Stops are crossings. */
interface Errand {
  readonly assignmentId: string
  readonly shipmentId: string
  readonly fencingToken: number
  readonly pickup: number | undefined
  readonly dropoff: number | undefined
  readonly needsPhoto: boolean
  /** Index of the step that comes next. */
  step: number
  /** Seconds to stand before it is reported. */
  dwellS: number
}

/**
 * How an honest driver works: what is reported in which status of the shipment, where, and after how many seconds there. The last line
 * is for a parcel that nobody took.
 */
const steps = [
  { status: "assigned", action: "en_route_to_pickup", at: undefined, dwellS: [1, 3] },
  { status: "en_route_to_pickup", action: "at_pickup", at: "pickup", dwellS: [1, 2] },
  { status: "at_pickup", action: "picked_up", at: "pickup", dwellS: [3, 8] },
  { status: "picked_up", action: "en_route", at: undefined, dwellS: [1, 3] },
  { status: "en_route", action: "arrived", at: "dropoff", dwellS: [1, 2] },
  { status: "arrived", action: "delivered", at: "dropoff", dwellS: [4, 10] },
  { status: "returning", action: "returned", at: "pickup", dwellS: [3, 8] }
] as const

/** After these the driver has nothing more to do for the shipment, for now or for good. */
const lastActions: ReadonlySet<TaskAction> = new Set(["delivered", "returned", "failed", "handed_off"])

/** What a driver's work is made of. */
export interface ErrandParts {
  readonly client: DriverClient
  readonly motion: DriverMotion
  readonly network: StreetNetwork
  readonly random: SeededRandom
  readonly habits: DriverHabits
  readonly camera: Camera
}

/**
 * One simulated driver's work: does what TASKS ask for, one shipment after another, at the places where it belongs, and roams when
 * there is nothing to do. Takes up where another run of the program left off. Without network it works on; the phone reports it later.
 */
export class Errands {
  private readonly client: DriverClient
  private readonly motion: DriverMotion
  private readonly network: StreetNetwork
  private readonly random: SeededRandom
  private readonly habits: DriverHabits
  private readonly camera: Camera
  private waiting: ReadonlyArray<Errand> = []
  private current: Errand | undefined
  /** Assignments that are done here, or given up, until the server's list lacks them. */
  private readonly settled = new Set<string>()
  private readonly listeners = new Set<ErrandListener>()
  private readonly receiptListeners = new Set<(receipt: TaskReceipt) => void>()

  constructor({ client, motion, network, random, habits, camera }: ErrandParts) {
    this.client = client
    this.motion = motion
    this.network = network
    this.random = random
    this.habits = habits
    this.camera = camera
    client.on("tasks", ({ tasks }) => this.take(tasks))
  }

  get isIdle(): boolean {
    return this.current === undefined && this.waiting.length === 0
  }

  listen(listener: ErrandListener): void {
    this.listeners.add(listener)
  }

  /** Hears what the server answered to have done. */
  listenForReceipts(listener: (receipt: TaskReceipt) => void): void {
    this.receiptListeners.add(listener)
  }

  /** Works for `spanS` seconds that end at `atMs` (Unix milliseconds). */
  live(spanS: number, atMs: number): void {
    const errand = this.current ?? this.begin()
    const step = errand === undefined ? undefined : steps[errand.step]
    if (errand === undefined || step === undefined) return
    const goal = step.at === undefined ? undefined : errand[step.at]
    if (goal !== undefined) {
      this.motion.headFor(goal)
      if (!this.motion.isAtGoal) return
    }
    errand.dwellS -= spanS
    if (errand.dwellS > 0) return
    const action = this.turnOf(step.action)
    this.report(errand, action, atMs)
    errand.step++
    errand.dwellS = this.dwellS(errand.step)
    if (lastActions.has(action)) this.settle(errand.assignmentId)
  }

  /** What comes of an intention. */
  private turnOf(action: TaskAction): TaskAction {
    if (action === "delivered" && this.random.chance(this.habits.failsAtDoor)) return "failed"
    return action === "arrived" && this.random.chance(this.habits.handsOff) ? "handed_off" : action
  }

  private payloadOf(action: TaskAction, { needsPhoto }: Errand): Readonly<Record<string, unknown>> {
    if (action === "delivered" && needsPhoto) return { proof: this.camera.take() }
    if (action === "delivered") return { proof: { type: "note", value: `Handed over, ${this.random.below(1e9)}` } }
    if (action !== "failed") return action === "handed_off" ? { reason_code: "vehicle_broken" } : {}
    return { reason_code: failureReasons[this.random.below(failureReasons.length)], note: "Nobody took it" }
  }

  private begin(): Errand | undefined {
    this.current = this.waiting[0]
    this.waiting = this.waiting.slice(1)
    return this.current
  }

  private report(errand: Errand, action: TaskAction, atMs: number): void {
    const { assignmentId, fencingToken, shipmentId } = errand
    const payload = this.payloadOf(action, errand)
    this.client.task(assignmentId, fencingToken, action, payload, Math.floor(atMs)).then(
      ({ ok }) => {
        if (ok) {
          const proof = isFields(payload.proof) ? payload.proof : undefined
          for (const listener of this.receiptListeners) listener({ shipmentId, assignmentId, action, proof })
          return this.tell(shipmentId, action)
        }
        this.settle(assignmentId)
        this.tell(shipmentId, "dropped")
      },
      // Fails only when the client stops for good, which the fleet's watch reports.
      () => undefined
    )
  }

  /** The whole list, whatever was in the one before. How far the current one is, the driver knows better than the server. */
  private take(tasks: ReadonlyArray<unknown>): void {
    const listed = tasks.map((task) => this.read(task)).filter((errand) => errand !== undefined)
    const ids = new Set(listed.map(({ assignmentId }) => assignmentId))
    for (const id of this.settled) if (!ids.has(id)) this.settled.delete(id)
    const { current } = this
    this.waiting = listed.filter(
      ({ assignmentId }) => assignmentId !== current?.assignmentId && !this.settled.has(assignmentId)
    )
    if (current === undefined || ids.has(current.assignmentId)) return
    this.leave()
    this.tell(current.shipmentId, "dropped")
  }

  private settle(assignmentId: string): void {
    this.settled.add(assignmentId)
    this.waiting = this.waiting.filter((errand) => errand.assignmentId !== assignmentId)
    if (this.current?.assignmentId === assignmentId) this.leave()
  }

  private leave(): void {
    this.current = undefined
    if (this.waiting.length === 0) this.motion.roam()
  }

  private tell(shipmentId: string, progress: ErrandProgress): void {
    for (const listener of this.listeners) listener(shipmentId, progress)
  }

  private dwellS(step: number): number {
    const [least, most] = steps[step]?.dwellS ?? [0, 0]
    return this.random.between(least, most)
  }

  /** Undefined for what this driver cannot go on with, such as a failed attempt. */
  private read(task: unknown): Errand | undefined {
    if (!isFields(task)) return undefined
    const { assignment_id, shipment_id, fencing_token, shipment_status, stops } = task
    const step = steps.findIndex(({ status }) => status === shipment_status)
    if (typeof assignment_id !== "string" || typeof shipment_id !== "string") return undefined
    if (typeof fencing_token !== "number" || !Array.isArray(stops) || step < 0) return undefined
    return {
      assignmentId: assignment_id,
      shipmentId: shipment_id,
      fencingToken: fencing_token,
      pickup: this.crossingOf(stops, "pickup"),
      dropoff: this.crossingOf(stops, "dropoff"),
      needsPhoto: stops
        .filter(isFields)
        .some(({ requirements }) => Array.isArray(requirements) && requirements.includes("photo")),
      step,
      dwellS: this.dwellS(step)
    }
  }

  private crossingOf(stops: ReadonlyArray<unknown>, type: string): number | undefined {
    const stop = stops.filter(isFields).find((each) => each.type === type)
    if (typeof stop?.lat !== "number" || typeof stop.lng !== "number") return undefined
    const { x, y } = placeMetres(this.network, stop.lat, stop.lng)
    return nearestCrossing(this.network, x, y)
  }
}

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
