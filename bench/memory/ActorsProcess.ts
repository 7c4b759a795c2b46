import { Effect, Redacted } from "effect"
import { DeviceIntake, type IntakeNode } from "../../src/actors/drivers/DeviceIntake.ts"
import { DriverActor } from "../../src/actors/drivers/DriverActor.ts"
import type { DriverLink } from "../../src/actors/drivers/DriverLink.ts"
import { defaultLimits } from "../../src/config/Limits.ts"
import type { OpenedSession } from "../../src/persistence/drivers/DriverSessionRepo.ts"
import { BatchCommit } from "../../src/persistence/ingest/BatchCommit.ts"
import { IngestConnection } from "../../src/persistence/ingest/IngestConnection.ts"
import { IngestLane } from "../../src/persistence/ingest/IngestLane.ts"
import { TelemetryDays } from "../../src/persistence/ingest/TelemetryDays.ts"
import { newId } from "../../src/persistence/NewId.ts"
import { answer } from "../process/Answering.ts"
import { memorySample } from "../server/ServerOperations.ts"
import type { ActorOperations, ActorPlan } from "./ActorOperations.ts"

const silent = (): void => {}
const link: DriverLink = {
  ack: silent,
  flagged: silent,
  refused: silent,
  credit: silent,
  result: silent,
  tasks: silent,
  offer: silent,
  offerGone: silent,
  message: silent,
  close: silent
}
const node: IntakeNode = {
  limits: defaultLimits,
  isFull: () => false,
  appended: silent,
  moved: silent,
  beaconed: silent,
  quarantined: silent,
  refused: silent
}

const laneOf = (): IngestLane => {
  const connection = new IngestConnection({
    url: Redacted.make(""),
    name: "never connected",
    role: "dropmate_writer",
    statements: {},
    connectMs: 1
  })
  const events = { committed: silent, failed: silent }
  return new IngestLane(
    new BatchCommit(connection, new TelemetryDays(silent), defaultLimits, events),
    defaultLimits,
    silent
  )
}

/** A flat string, as it comes from a token or from PostgreSQL, and not the rope that concatenation leaves. */
const flatId = (): string => Buffer.from(Effect.runSync(newId)).toString("latin1")

const sessionOf = (sessionId: string, now: number): OpenedSession => ({
  sessionId,
  deviceNo: 1,
  lastSeq: 0,
  lastRecordedAt: undefined,
  replacedSessionId: undefined,
  deviceMarker: { recordedAt: now, receivedAt: now, latE7: 377_000_000, lngE7: -1_224_000_000 },
  driverMarker: undefined,
  driverName: "Driver",
  duty: undefined,
  dutyChanges: []
})

/** Kept for the process's life, as the registry keeps them: one map by driver, one by session. */
const drivers = new Map<string, DriverActor>()
const sessions = new Map<string, DeviceIntake>()

/** Makes the actors as the registry does, each with a live place, and says what they weigh. */
const bytesPerActor = ({ actors, connected }: ActorPlan): number => {
  const lane = connected ? laneOf() : undefined
  const before = memorySample(true).heapBytes
  const now = Date.now()
  for (let i = 0; i < actors; i++) {
    const driver = new DriverActor(flatId(), "Driver", now)
    // Times and places differ from actor to actor, or the engine would share their numbers.
    driver.moveMarker(now - i, now + i, 1, 377_000_000 + i, -1_224_000_000 - i, 1_000, 9_000, 500)
    drivers.set(driver.driverId, driver)
    if (lane === undefined) continue
    const intake = new DeviceIntake(driver, sessionOf(flatId(), now - i), defaultLimits.windowPoints, lane, link, node)
    driver.enter(intake)
    sessions.set(intake.ingest.sessionId, intake)
  }
  return (memorySample(true).heapBytes - before) / actors
}

answer({ bytesPerActor } satisfies ActorOperations)
