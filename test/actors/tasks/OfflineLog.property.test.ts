import { randomUUID } from "node:crypto"
import fc from "fast-check"
import { afterAll, beforeAll, expect, it } from "vitest"
import type { ShipmentCommand } from "../../../src/domain/ShipmentDecision.ts"
import type { Frame } from "../../../src/protocol/FrameCodec.ts"
import { DriverClientFrame } from "../../../src/protocol/FrameType.ts"
import { commandOf, confirmedOrder } from "../../kit/EngineOrders.ts"
import { type EngineUnderTest, startEngine } from "../../kit/EngineUnderTest.ts"
import { foldProblems } from "../../kit/FoldedShipments.ts"
import { OfflinePhone } from "../../kit/OfflinePhone.ts"
import { promiseSeed, promiseSize } from "../../kit/PromiseSize.ts"
import { begun, type ModelCommand, type ModelShipment, type Observed, statesAfter } from "../../kit/ShipmentModel.ts"

const seed = promiseSeed()
const numRuns = promiseSize({ ci: 25, nightly: 1_000 })

let engine: EngineUnderTest

beforeAll(async () => {
  engine = await startEngine()
})
afterAll(() => engine.drop())

const way = ["en_route_to_pickup", "at_pickup", "picked_up", "en_route", "arrived"] as const
const ends = [["delivered"], ["failed"], ["failed", "returned"], ["handed_off"]] as const
const wayTo = fc.constantFrom(...ends).map((end): ReadonlyArray<string> => [...way, ...end])

/** One line of a log. `which` is 0 for the newest thing that its driver knows of as theirs, else any that there is. */
const line = (action: fc.Arbitrary<string>) =>
  fc.record({
    action,
    which: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(9) }),
    isStale: fc.oneof({ weight: 15, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    /** The event's time: so many milliseconds ago, whatever the order of sending. */
    agoMs: fc.nat(3_600_000)
  })

type Line = typeof line extends (...more: never) => fc.Arbitrary<infer One> ? One : never

const linesOf = (actions: ReadonlyArray<string>) =>
  fc.tuple(...actions.map((action) => line(fc.constant(action)))) as fc.Arbitrary<ReadonlyArray<Line>>

const reports: fc.Arbitrary<ReadonlyArray<Line>> = fc.oneof(
  { weight: 5, arbitrary: wayTo.chain(linesOf) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(wayTo, fc.nat(6), fc.integer({ min: 1, max: 4 }))
      .chain(([path, from, count]) => linesOf(path.slice(from, from + count)))
  },
  { weight: 2, arbitrary: wayTo.chain((path) => fc.shuffledSubarray([...path])).chain(linesOf) },
  { weight: 1, arbitrary: fc.array(line(fc.constantFrom(...way, ...ends.flat())), { maxLength: 5 }) }
)

const replies = fc.oneof(
  { weight: 4, arbitrary: fc.array(line(fc.constant("accept")), { minLength: 1, maxLength: 1 }) },
  { weight: 2, arbitrary: fc.array(line(fc.constantFrom("accept", "decline")), { maxLength: 3 }) }
)

const log = fc.record({
  // Most often what a phone that accepted and lost its network has: the answer, then the way. Else anything between anything.
  lines: fc.oneof(
    { weight: 3, arbitrary: fc.tuple(replies, reports).map(([first, rest]) => [...first, ...rest]) },
    { weight: 2, arbitrary: reports },
    {
      weight: 1,
      arbitrary: fc.tuple(replies, reports).chain(([first, rest]) => {
        const both = [...first, ...rest]
        return fc.shuffledSubarray(both, { minLength: both.length })
      })
    },
    { weight: 1, arbitrary: fc.constant<ReadonlyArray<Line>>([]) }
  ),
  /** Lines that are sent again: of everything that the phone ever sent, which, and before which line of these. */
  repeats: fc.array(fc.record({ which: fc.nat(40), at: fc.nat(10) }), { maxLength: 3 }),
  cutAfter: fc.option(fc.nat(10), { nil: undefined })
})

const either = fc.constantFrom(0, 1)
const isExplained = fc.boolean()
const staffAction = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: "offer" as const, to: [0, 1] }) },
  { weight: 1, arbitrary: either.map((to) => ({ kind: "offer" as const, to: [to] })) },
  { weight: 2, arbitrary: either.map((to) => ({ kind: "assign" as const, to })) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("reassign" as const), to: either, isExplained }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("unassign" as const), isExplained }) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      { kind: "retry" as const },
      { kind: "start_return" as const },
      { kind: "mark_returned" as const },
      { kind: "expire_offers" as const },
      { kind: "cancel" as const }
    )
  }
)

/** Two drivers come online with their logs, at once, and staff do something before or meanwhile. */
const phase = fc.record({
  staff: fc.option(staffAction, { nil: undefined, freq: 4 }),
  isStaffFirst: fc.boolean(),
  logs: fc.tuple(log, log)
})

const history = fc.tuple(
  fc.record({
    staff: fc.oneof(
      { weight: 3, arbitrary: fc.constant({ kind: "offer" as const, to: [0, 1] }) },
      { weight: 1, arbitrary: either.map((to) => ({ kind: "assign" as const, to })) }
    ),
    isStaffFirst: fc.constant(true),
    logs: fc.tuple(log, log)
  }),
  fc.array(phase, { maxLength: 4 })
)

type Phase = typeof phase extends fc.Arbitrary<infer One> ? One : never
type Staff = NonNullable<Phase["staff"]>

/** What there is of a shipment in the database, worded as the model is. */
interface Rows {
  readonly shipment: ModelShipment
  readonly ids: ReadonlyMap<number, string>
}

const rowsOf = async (shipmentId: string): Promise<Rows> => {
  const [row] = await engine.rows<{
    status: string
    is_picked_up: boolean
    version: number
    parts: ReadonlyArray<{ token: number; driver: string; status: string; id: string }>
    stops: Readonly<Record<"pickup" | "dropoff", string>>
    events: ReadonlyArray<string>
  }>(
    `SELECT status, is_picked_up, version::integer,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('token', fencing_token, 'driver', driver_id, 'status', status, 'id', id) ORDER BY fencing_token), '[]')
        FROM driver_assignments WHERE shipment_id = s.id) AS parts,
      (SELECT jsonb_object_agg(stop_type, status) FROM route_stops WHERE shipment_id = s.id) AS stops,
      (SELECT jsonb_agg(substr(type, 10) ORDER BY version) FROM shipment_events WHERE shipment_id = s.id) AS events
    FROM shipments s WHERE id = $1`,
    [shipmentId]
  )
  if (row === undefined) throw new Error("the shipment is there")
  expect(row.version).toBe(row.events.length)
  return {
    shipment: {
      status: row.status,
      isPickedUp: row.is_picked_up,
      ...row.stops,
      parts: row.parts.map(({ token, driver, status }) => ({ token, driver, status })),
      events: row.events
    },
    ids: new Map(row.parts.map(({ token, id }) => [token, id]))
  }
}

/** One history under way: a shipment, two drivers, and every state that the answers so far leave possible. */
class Story {
  readonly shipmentId: string
  readonly phones: readonly [OfflinePhone, OfflinePhone]
  private rows: Rows
  private possible: ReadonlyArray<ModelShipment> = [begun]
  private readonly sent = new Map<OfflinePhone, Array<Frame>>()
  private readonly commands = new Map<string, ModelCommand>()
  private readonly atMs = new Map<string, number>()

  private constructor(shipmentId: string, phones: readonly [OfflinePhone, OfflinePhone], rows: Rows) {
    this.shipmentId = shipmentId
    this.phones = phones
    this.rows = rows
  }

  static async begin(): Promise<Story> {
    const [{ shipmentId }, near, far] = await Promise.all([
      confirmedOrder(engine),
      OfflinePhone.open(engine),
      OfflinePhone.open(engine)
    ])
    return new Story(shipmentId, [near, far], await rowsOf(shipmentId))
  }

  async live({ staff, isStaffFirst, logs }: Phase): Promise<void> {
    const first = isStaffFirst ? await this.ask(staff) : []
    if (isStaffFirst) await this.explain([first])
    const framed = logs.map(({ lines, repeats, cutAfter }, index) => {
      const phone = this.phones[index] as OfflinePhone
      return { phone, frames: this.framesOf(phone, lines, repeats), cutAfter }
    })
    const [asked, ...answered] = await Promise.all([
      isStaffFirst ? [] : this.ask(staff),
      ...framed.map(({ phone, frames, cutAfter }) => this.replay(phone, frames, cutAfter))
    ])
    await this.explain([asked, ...answered])
  }

  /** What is kept of commands: one verdict each, the one that was heard, and events at the time that the phone said. */
  async judge(): Promise<void> {
    for (const phone of this.phones) {
      expect([...phone.contradicted]).toEqual([])
      const kept = await engine.rows<{ command_id: string; ok: boolean; detail: unknown }>(
        "SELECT command_id, ok, detail FROM driver_commands WHERE driver_id = $1",
        [phone.driver.driverId]
      )
      const heard = [...phone.verdicts].map(([command_id, { ok, detail }]) => ({ command_id, ok, detail }))
      const byId = (a: { command_id: string }, b: { command_id: string }) => (a.command_id < b.command_id ? -1 : 1)
      expect(kept.sort(byId)).toEqual(heard.sort(byId))
    }
    const events = await engine.rows<{ id: string; at: Date }>(
      "SELECT substr(cause, 9) AS id, occurred_at AS at FROM shipment_events WHERE shipment_id = $1 AND cause LIKE 'command %'",
      [this.shipmentId]
    )
    for (const { id, at } of events) expect(at.getTime()).toBe(this.atMs.get(id) ?? at.getTime())
  }

  close(): Promise<unknown> {
    return Promise.all(this.phones.map((phone) => phone.close()))
  }

  /** The rows must be what some order of what was asked leads to, by the model and with these answers. */
  private async explain(askers: ReadonlyArray<ReadonlyArray<Observed>>): Promise<void> {
    const { possible: before } = this
    this.rows = await rowsOf(this.shipmentId)
    const after = statesAfter(before, askers)
    const found = JSON.stringify(sorted(this.rows.shipment))
    this.possible = after.filter((state) => JSON.stringify(sorted(state)) === found)
    expect(this.possible, JSON.stringify({ before, askers, after, found: this.rows.shipment }, null, 1)).toHaveLength(1)
  }

  private async ask(staff: Staff | undefined): Promise<ReadonlyArray<Observed>> {
    if (staff === undefined) return []
    const driverOf = (index: number): string => this.phones[index]?.driver.driverId ?? ""
    const [asked, command] = staffCommand(staff, driverOf)
    const code = await commandOf(engine, this.shipmentId, asked).then(
      () => undefined,
      (error: { readonly code?: string }) => {
        if (error.code === undefined) throw error
        return error.code
      }
    )
    return [{ command, code }]
  }

  private async replay(
    phone: OfflinePhone,
    frames: ReadonlyArray<Frame>,
    cutAfter: number | undefined
  ): Promise<ReadonlyArray<Observed>> {
    const ids = await phone.replay(frames, cutAfter)
    return ids.map((id): Observed => {
      const command = this.commands.get(id)
      const verdict = phone.verdicts.get(id)
      if (command === undefined || verdict === undefined) throw new Error(`${id} was answered, and never sent`)
      const { code, shipment_status, status, sequence } = verdict.detail ?? {}
      return verdict.ok
        ? { command, code: undefined, told: [shipment_status, status, sequence] }
        : { command, code: String(code) }
    })
  }

  private framesOf(
    phone: OfflinePhone,
    lines: ReadonlyArray<Line>,
    repeats: ReadonlyArray<{ readonly which: number; readonly at: number }>
  ): ReadonlyArray<Frame> {
    const fresh = lines.map((each) => this.frameOf(phone.driver.driverId, each))
    const sent = [...(this.sent.get(phone) ?? []), ...fresh]
    this.sent.set(phone, sent)
    const frames = [...fresh]
    for (const { which, at } of repeats) {
      const again = sent[which % Math.max(1, sent.length)]
      // A line that is sent twice counts where it comes first.
      if (again !== undefined) frames.splice(Math.min(at, frames.length), 0, again)
    }
    return frames
  }

  private frameOf(driver: string, { action, which, isStale, agoMs }: Line): Frame {
    const { parts } = this.rows.shipment
    const part = which === 0 ? parts.findLast((each) => each.driver === driver) : parts[which % (parts.length + 1)]
    // Nothing that there is: an id of nobody's.
    const token = part?.token ?? 1_000
    const id = this.rows.ids.get(token) ?? randomUUID()
    const presented = isStale ? token + 1 : token
    const commandId = randomUUID()
    if (action === "accept" || action === "decline") {
      const accepted = action === "accept"
      this.commands.set(commandId, { kind: "reply", driver, token, presented, accepted })
      return [DriverClientFrame.offerReply, commandId, `ofr_${id}`, presented, accepted, null]
    }
    const atMs = Date.now() - agoMs
    this.atMs.set(commandId, atMs)
    this.commands.set(commandId, { kind: "task", driver, token, presented, action })
    const payload = action === "failed" || action === "handed_off" ? { reason_code: "recipient_absent" } : {}
    return [DriverClientFrame.task, commandId, `asg_${id}`, presented, action, atMs, payload]
  }
}

const sorted = (shipment: ModelShipment) => [
  shipment.status,
  shipment.isPickedUp,
  shipment.pickup,
  shipment.dropoff,
  shipment.parts.map(({ token, driver, status }) => [token, driver, status]),
  shipment.events
]

/** The command that staff ask, and the model's. */
const staffCommand = (
  staff: Staff,
  driverOf: (index: number) => string
): readonly [asked: ShipmentCommand, command: ModelCommand] => {
  const nowMs = Date.now()
  switch (staff.kind) {
    case "offer": {
      const drivers = staff.to.map(driverOf)
      const offers = drivers.map((driverId) => ({ driverId, assignmentId: randomUUID() }))
      return [
        { _tag: "Offer", offers, expiresAtMs: nowMs + 600_000, nowMs },
        { kind: "offer", drivers }
      ]
    }
    case "assign": {
      const driver = driverOf(staff.to)
      return [
        { _tag: "Assign", assignmentId: randomUUID(), driverId: driver },
        { kind: "assign", driver }
      ]
    }
    case "reassign": {
      const driver = driverOf(staff.to)
      const why = staff.isExplained ? { reason: "van broke down" } : {}
      return [
        { _tag: "Reassign", assignmentId: randomUUID(), driverId: driver, ...why },
        { kind: "reassign", driver, isExplained: staff.isExplained }
      ]
    }
    case "unassign":
      return [{ _tag: "Unassign", ...(staff.isExplained ? { reason: "van broke down" } : {}) }, staff]
    case "retry":
      return [{ _tag: "Retry" }, staff]
    case "start_return":
      return [{ _tag: "StartReturn" }, staff]
    case "mark_returned":
      return [{ _tag: "MarkReturned", reason: "left at the depot" }, staff]
    case "cancel":
      return [{ _tag: "Cancel" }, staff]
    case "expire_offers":
      return [{ _tag: "ExpireOffers", nowMs: nowMs + 3_600_000 }, staff]
  }
}

it(`an offline log in any order, repeated, cut and mixed with offer replies has one verdict for each command id and leaves a legal state (PROMISE_SEED=${seed}, ${numRuns} histories)`, {
  timeout: 60_000 + numRuns * 10_000
}, async () => {
  const reached = new Map<string, number>()
  // Without shrinking: what depends on time fails otherwise the second time, or not at all.
  await fc.assert(
    fc.asyncProperty(history, async ([first, rest]) => {
      const story = await Story.begin()
      try {
        for (const each of [first, ...rest]) await story.live(each)
        await story.judge()
      } finally {
        await story.close()
      }
      const { status } = (await rowsOf(story.shipmentId)).shipment
      reached.set(status, (reached.get(status) ?? 0) + 1)
    }),
    { numRuns, seed, endOnFailure: true }
  )
  expect(await foldProblems(engine.databaseUrl)).toEqual([])
  process.stdout.write(`offline logs ${JSON.stringify({ seed, numRuns, ends: Object.fromEntries(reached) })}\n`)
})
