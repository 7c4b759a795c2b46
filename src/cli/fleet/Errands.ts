import type { DriverClient } from "../../client/DriverClient.ts"
import type { DriverMotion } from "../../domain/simulation/DriverMotion.ts"
import type { SeededRandom } from "../../domain/simulation/SeededRandom.ts"
import { nearestCrossing, placeMetres, type StreetNetwork } from "../../domain/simulation/StreetNetwork.ts"
import type { TaskAction } from "../../domain/TaskAction.ts"
import { failureReasons, type ProofType, proofTypes } from "../../domain/TaskPayload.ts"
import type { Camera } from "./Camera.ts"
import type { DriverChat } from "./DriverChat.ts"
import type { DriverHabits } from "./DriverHabits.ts"
import type { Parcel, ParcelSource } from "./Parcel.ts"
import type { PhoneProof, TaskReceipt } from "./TaskReceipt.ts"

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
  /** Proofs that the drop-off requires. */
  readonly requires: ReadonlyArray<ProofType>
  /** Where to write about it; undefined when nobody would read it. */
  readonly threadId: string | undefined
  /** Index of the step that comes next. */
  step: number
  /** Seconds to stand before it is reported. */
  dwellS: number
  /** Seconds with network that the driver has waited for others. */
  waitedS: number
  /** Seconds without, where nobody's decision can be heard of. */
  deafS: number
}

/** Longer a driver waits neither for a decision nor for a customer who looks for the PIN. */
const waitsSMax = 300
/** Nor, where there is no network, for one that may never reach them: a driver who waits does not come out of a dead zone. */
const deafSMax = 600

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
  readonly chat: DriverChat
  readonly parcelOf: ParcelSource
}

/** What a driver who misunderstood enters, whatever the PIN is. */
const misheard = (pin: string): string => [...pin].map((digit) => (Number(digit) + 1) % 10).join("")

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
  private readonly chat: DriverChat
  private readonly parcelOf: ParcelSource
  private waiting: ReadonlyArray<Errand> = []
  private current: Errand | undefined
  /** Assignments that are done here, or given up, until the server's list lacks them. */
  private readonly settled = new Set<string>()
  private readonly listeners = new Set<ErrandListener>()
  private readonly receiptListeners = new Set<(receipt: TaskReceipt) => void>()
  /** Deliveries with a wrong PIN: those that were refused for it, and those that were taken. */
  readonly wrongPins = { refused: 0, taken: 0 }
  private refusal: string | undefined

  constructor({ client, motion, network, random, habits, camera, chat, parcelOf }: ErrandParts) {
    this.client = client
    this.motion = motion
    this.network = network
    this.random = random
    this.habits = habits
    this.camera = camera
    this.chat = chat
    this.parcelOf = parcelOf
    client.on("tasks", ({ tasks }) => this.take(tasks))
  }

  get isIdle(): boolean {
    return this.current === undefined && this.waiting.length === 0
  }

  /** Why the server did not want a proof that is as it should be; undefined while it took each. */
  get refusedProof(): string | undefined {
    return this.refusal
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
    const parcel = this.parcelOf(errand.shipmentId)
    if (this.mustWait(errand, step.status, parcel) && errand.waitedS < waitsSMax && errand.deafS < deafSMax) {
      if (this.client.state === "live") errand.waitedS += spanS
      else errand.deafS += spanS
      return
    }
    const action = this.turnOf(step.action, errand, parcel)
    this.report(errand, action, atMs)
    errand.step++
    errand.dwellS = this.dwellS(errand.step)
    if (lastActions.has(action)) this.settle(errand.assignmentId)
  }

  /** For a decision of others, or for the PIN. */
  private mustWait({ requires }: Errand, status: string, parcel: Parcel | undefined): boolean {
    if (parcel === undefined) return false
    const isPinSought = status === "arrived" && parcel.isOpened !== false && requires.includes("pin")
    return parcel.holdsAt === status || (isPinSought && parcel.pin === undefined)
  }

  /** What comes of an intention. */
  private turnOf(action: TaskAction, { requires }: Errand, parcel: Parcel | undefined): TaskAction {
    // Drawn in any case, so that one parcel's luck does not shift the next one's.
    const [isLost, isBroken] = [this.random.chance(this.habits.failsAtDoor), this.random.chance(this.habits.handsOff)]
    if (action === "arrived" && (parcel?.isHandedOff ?? isBroken)) return "handed_off"
    if (action !== "delivered") return action
    const isUnproved = requires.includes("pin") && parcel?.pin === undefined
    return (parcel?.isOpened ?? !isLost) && !isUnproved ? action : "failed"
  }

  private payloadOf(action: TaskAction, { requires }: Errand): Readonly<Record<string, unknown>> {
    if (action === "handed_off") return { reason_code: "vehicle_broken" }
    if (action !== "failed") return {}
    const isPinSought = requires.includes("pin") && this.random.chance(0.5)
    const reason = isPinSought ? "recipient_unverified" : failureReasons[this.random.below(failureReasons.length)]
    return { reason_code: reason, note: "Nobody took it" }
  }

  private proofsOf({ requires }: Errand, parcel: Parcel | undefined): ReadonlyArray<PhoneProof> {
    const types: ReadonlyArray<ProofType> = requires.length === 0 ? ["note"] : requires
    return types.map((type) => {
      if (type === "photo" || type === "signature") return this.camera.take(type)
      if (type === "pin") return { type, value: parcel?.pin ?? "" }
      if (type === "barcode") return { type, value: parcel?.barcode ?? `parcel ${this.random.below(1e9)}` }
      return { type, value: `Handed over, ${this.random.below(1e9)}` }
    })
  }

  private begin(): Errand | undefined {
    this.current = this.waiting[0]
    this.waiting = this.waiting.slice(1)
    if (this.current !== undefined) this.turnTo(this.current)
    return this.current
  }

  private turnTo({ shipmentId, threadId, step }: Errand): void {
    const parcel = this.parcelOf(shipmentId)
    if (parcel === undefined) return
    if (steps[step]?.status === "assigned") parcel.begun()
    if (parcel.isTalkedAbout && threadId !== undefined) this.chat.say(threadId, "Hello, I bring your order")
  }

  private report(errand: Errand, action: TaskAction, atMs: number): void {
    // Fails only when the client stops for good, which the fleet's watch reports.
    const reported =
      action === "delivered"
        ? this.deliver(errand, atMs)
        : this.send(errand, action, [], this.payloadOf(action, errand), atMs)
    reported.catch(() => undefined)
  }

  private async deliver(errand: Errand, atMs: number): Promise<void> {
    const parcel = this.parcelOf(errand.shipmentId)
    const proofs = this.proofsOf(errand, parcel)
    const isWrong = parcel?.isPinMisheard === true && proofs.some(({ type }) => type === "pin")
    if (isWrong && !(await this.isRefusedFor(errand, proofs, atMs))) return
    await this.send(errand, "delivered", proofs, inPayload(proofs), atMs)
  }

  /** Delivers with another PIN. Whether that was refused for it; else the driver has the parcel no more. */
  private async isRefusedFor(errand: Errand, proofs: ReadonlyArray<PhoneProof>, atMs: number): Promise<boolean> {
    const { assignmentId, fencingToken, shipmentId } = errand
    const wrong = proofs.map((proof) =>
      proof.type === "pin" ? { ...proof, value: misheard(String(proof.value)) } : proof
    )
    const { ok, detail } = await this.client.task(
      ...([assignmentId, fencingToken, "delivered", inPayload(wrong), Math.floor(atMs)] as const)
    )
    if (ok) this.wrongPins.taken++
    else if (detail?.code === "proof_invalid") this.wrongPins.refused++
    if (!ok && detail?.code === "proof_invalid") return true
    this.settle(assignmentId)
    this.tell(shipmentId, "dropped")
    return false
  }

  private async send(
    { assignmentId, fencingToken, shipmentId }: Errand,
    action: TaskAction,
    proofs: ReadonlyArray<PhoneProof>,
    payload: Readonly<Record<string, unknown>>,
    atMs: number
  ): Promise<void> {
    const { ok, detail } = await this.client.task(assignmentId, fencingToken, action, payload, Math.floor(atMs))
    if (ok) {
      for (const listener of this.receiptListeners) listener({ shipmentId, assignmentId, action, proofs })
      return this.tell(shipmentId, action)
    }
    if (detail?.code === "proof_invalid") this.refusal ??= String(detail.detail)
    this.settle(assignmentId)
    this.tell(shipmentId, "dropped")
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
    const { assignment_id, shipment_id, fencing_token, shipment_status, stops, contact } = task
    const step = steps.findIndex(({ status }) => status === shipment_status)
    if (typeof assignment_id !== "string" || typeof shipment_id !== "string") return undefined
    if (typeof fencing_token !== "number" || !Array.isArray(stops) || step < 0) return undefined
    return {
      assignmentId: assignment_id,
      shipmentId: shipment_id,
      fencingToken: fencing_token,
      pickup: this.crossingOf(stops, "pickup"),
      dropoff: this.crossingOf(stops, "dropoff"),
      requires: proofTypes.filter((type) =>
        stops.filter(isFields).some(({ requirements }) => Array.isArray(requirements) && requirements.includes(type))
      ),
      threadId: isFields(contact) && typeof contact.thread_id === "string" ? contact.thread_id : undefined,
      step,
      dwellS: this.dwellS(step),
      waitedS: 0,
      deafS: 0
    }
  }

  private crossingOf(stops: ReadonlyArray<unknown>, type: string): number | undefined {
    const stop = stops.filter(isFields).find((each) => each.type === type)
    if (typeof stop?.lat !== "number" || typeof stop.lng !== "number") return undefined
    const { x, y } = placeMetres(this.network, stop.lat, stop.lng)
    return nearestCrossing(this.network, x, y)
  }
}

/** One proof as `proof`, several as `proofs`. */
const inPayload = (proofs: ReadonlyArray<PhoneProof>): Readonly<Record<string, unknown>> =>
  proofs.length === 1 ? { proof: proofs[0] } : { proofs }

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
