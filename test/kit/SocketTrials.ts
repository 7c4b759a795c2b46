import { randomUUID } from "node:crypto"
import { expect, onTestFinished } from "vitest"
import {
  DriverClientFrame,
  DriverServerFrame,
  FleetServerFrame,
  TrackingServerFrame
} from "../../src/protocol/FrameType.ts"
import { type EngineUnderTest, startEngine } from "./EngineUnderTest.ts"
import { EventSource } from "./EventSource.ts"
import { watchFleet } from "./FleetWatch.ts"
import { absentThings, type Household } from "./Household.ts"
import type { PrivacyRun } from "./PrivacyRun.ts"
import { guessOf } from "./RouteTrials.ts"
import { RowWatch } from "./RowWatch.ts"
import type { Stranger } from "./Stranger.ts"
import { watchOrder } from "./TrackingWatch.ts"
import { helloFrame, WireClient } from "./WireClient.ts"

const tokenInvalid = 4501
const notPermitted = 4504

/** The fleet's stream for everybody: dispatchers and administrators see it, nobody else sees anything. */
export const tryFleet = async (run: PrivacyRun, engine: EngineUnderTest): Promise<void> => {
  for (const stranger of run.strangers) {
    const console = await watchFleet(engine.url, { token: stranger.person?.token ?? "" })
    if (["dispatcher", "admin"].includes(stranger.name)) await console.next(FleetServerFrame.snapshot)
    else {
      expect([tokenInvalid, notPermitted], stranger.name).toContain(await console.closeCode())
      run.findings.heard(stranger.name, "/v1/fleet", stranger, console.frames)
    }
  }
}

/** A tracking stream for tokens that are no link's, and a link for another order than the one it opens. */
export const tryTrack = async (run: PrivacyRun, engine: EngineUnderTest): Promise<void> => {
  for (const stranger of run.strangers) {
    const { ids, trackingToken } = stranger.other.things
    const guesses = [guessOf(trackingToken), ids.trackingSession, ids.order, ids.order.slice(4), ""]
    for (const token of [stranger.person?.token ?? "", ...guesses]) {
      const page = await watchOrder(engine.url, { token })
      expect(await page.closeCode(), stranger.name).toBe(tokenInvalid)
      run.findings.heard(stranger.name, "/v1/track", stranger, page.frames)
    }
  }
  for (const stranger of run.strangers.filter(({ person }) =>
    run.households.some(({ customer }) => customer === person)
  )) {
    const [own, other] = [run.households.find(({ customer }) => customer === stranger.person), stranger.other]
    const page = await watchOrder(engine.url, { token: own?.things.trackingToken })
    await page.next(TrackingServerFrame.snapshot)
    page.send([3, other.things.trackingToken])
    expect(await page.closeCode()).toBe(notPermitted)
    run.findings.heard(stranger.name, "/v1/track with their link", stranger, page.frames)
  }
}

/** What a TASK about somebody's assignment is answered, without the ids that it named. */
const taskAnswer = async (phone: WireClient, assignmentId: string): Promise<string> => {
  const id = randomUUID()
  phone.send([DriverClientFrame.task, id, assignmentId, 1, "arrived", Date.now(), {}])
  const [, , ok, detail] = await phone.next(DriverServerFrame.result)
  return JSON.stringify([ok, detail]).replaceAll(assignmentId, "assignment")
}

const tryPhone = async (
  run: PrivacyRun,
  engine: EngineUnderTest,
  stranger: Stranger,
  own: Household
): Promise<void> => {
  const phone = await WireClient.open(`${engine.url}/v1/driver`)
  onTestFinished(() => phone.terminate())
  phone.send(helloFrame({ token: own.driver.token, deviceId: `phone of ${stranger.name}` }))
  const [, , tasks] = await phone.next(DriverServerFrame.tasks)
  expect(JSON.stringify(tasks)).toContain(own.things.ids.assignment)
  const watch = await RowWatch.begin(run.town.owner)
  const { things } = stranger.other
  const foreign = await taskAnswer(phone, things.ids.assignment)
  const absent = await taskAnswer(phone, absentThings(things).ids.assignment)
  expect(foreign).toBe(absent)
  expect(foreign).toContain("assignment_not_found")
  const { gone, made } = await watch.changes()
  // The answer is kept under the command's id, as the asker's.
  const kept = made.filter(({ table }) => table === "driver_commands")
  const isWatched = ({ table }: { readonly table: string }): boolean => !jobsTables.includes(table)
  run.findings.disturbed(stranger.name, "TASK", {
    gone: gone.filter(isWatched),
    made: made.filter((row) => isWatched(row) && !kept.includes(row))
  })
  run.findings.heard(stranger.name, "/v1/driver", stranger, phone.frames)
}

/** A driver's stream for everybody; a driver hears of what they carry, and can do nothing about what another does. */
export const tryDriver = async (run: PrivacyRun, engine: EngineUnderTest): Promise<void> => {
  for (const stranger of run.strangers) {
    const own = run.households.find(({ driver }) => driver === stranger.person)
    if (own !== undefined) {
      await tryPhone(run, engine, stranger, own)
      continue
    }
    const phone = await WireClient.open(`${engine.url}/v1/driver`)
    onTestFinished(() => phone.terminate())
    phone.send(helloFrame({ token: stranger.person?.token ?? "" }))
    expect([tokenInvalid, notPermitted], stranger.name).toContain(await phone.closeCode())
    run.findings.heard(stranger.name, "/v1/driver", stranger, phone.frames)
  }
}

/** The event stream with everybody's own link, and for tokens that are no link's or no token at all. */
export const tryEvents = async (run: PrivacyRun, url: string): Promise<void> => {
  const refusalOf = async (headers: Readonly<Record<string, string>>): Promise<string> => {
    const answer = await EventSource.open(url, headers)
    if (answer instanceof EventSource) return "a stream"
    const { request_id: _, ...told } = answer.body
    return JSON.stringify([answer.status, told])
  }
  for (const stranger of run.strangers) {
    const { ids, trackingToken } = stranger.other.things
    const absent = await refusalOf({ authorization: `Bearer ${randomUUID()}` })
    expect(absent).toContain("token_invalid")
    const foreign = [stranger.person?.token, guessOf(trackingToken), ids.trackingSession, ids.order, ids.order.slice(4)]
    for (const token of foreign.filter((each) => each !== undefined))
      expect(await refusalOf({ authorization: `Bearer ${token}` }), stranger.name).toBe(absent)
    // A link is in no other place of a request than Authorization.
    expect(await refusalOf({ cookie: `token=${trackingToken}` })).toContain("token_missing")
  }
  for (const { customer, things } of run.households) {
    const reader = await EventSource.open(url, { authorization: `Bearer ${things.trackingToken}` })
    if (!(reader instanceof EventSource)) throw new Error(`no stream for a link: ${JSON.stringify(reader)}`)
    await reader.next("snapshot")
    const stranger = run.strangers.find(({ person }) => person === customer)
    if (stranger !== undefined) run.findings.heard(customer.name, "/v1/tracking/events", stranger, reader.events)
  }
}

// Written by the engine's own jobs, whoever is on its sockets: the relay numbers what was there before anybody said HELLO.
const jobsTables: ReadonlyArray<string> = ["outbox", "event_logs", "event_positions", "background_jobs"]

// Written by the role of telemetry, which has no row security: what it may write at all is its wall.
const writersTables: ReadonlyArray<string> = ["driver_sessions", "driver_devices", "driver_ingest_cursors"]

const tryPhoneTakenIn = async (run: PrivacyRun, engine: EngineUnderTest, stranger: Stranger): Promise<void> => {
  const { driver, things } = stranger.other
  const watch = await RowWatch.begin(run.town.owner)
  const phone = await WireClient.open(`${engine.url}/v1/driver`)
  onTestFinished(() => phone.terminate())
  phone.send(helloFrame({ token: await run.town.tokenOf(driver.subject), deviceId: `taken ${stranger.name}` }))
  run.findings.heard(stranger.name, "TASKS", stranger, await phone.next(DriverServerFrame.tasks))
  const foreign = await taskAnswer(phone, things.ids.assignment)
  const absent = await taskAnswer(phone, absentThings(things).ids.assignment)
  if (foreign !== absent) run.findings.add(`${stranger.name} TASK: foreign ${foreign} but absent ${absent}`)
  const id = randomUUID()
  phone.send([DriverClientFrame.duty, id, "off", Date.now()])
  const [, , isDone] = await phone.next(DriverServerFrame.result)
  if (isDone === true) run.findings.add(`${stranger.name} DUTY: was done`)
  const { gone, made } = await watch.changes()
  const isWatched = ({ table }: { readonly table: string }): boolean =>
    !writersTables.includes(table) && !jobsTables.includes(table)
  run.findings.intruded(stranger, "TASK or DUTY", { gone: gone.filter(isWatched), made: made.filter(isWatched) })
  phone.terminate()
}

/**
 * A driver's stream with the code taken in: it believes the phone to be another driver's, so that each of its checks passes; the
 * rows stay the asker's.
 */
export const tryPhonesTakenIn = async (run: PrivacyRun): Promise<void> => {
  for (const stranger of run.strangers.filter(({ person, isStaff }) => person !== undefined && !isStaff)) {
    const scope = stranger.person?.subject ?? { roles: [] }
    const engine = await startEngine({ databaseUrl: run.rest.databaseUrl, scopeOfDriver: () => scope })
    try {
      await tryPhoneTakenIn(run, engine, stranger)
    } finally {
      await engine.drop()
    }
  }
}
