import { Effect } from "effect"
import type { DeviceIntake } from "../actors/drivers/DeviceIntake.ts"
import type { Duty } from "../actors/drivers/DriverActor.ts"
import type { DriverLink, MessageShape, RefusalCode } from "../actors/drivers/DriverLink.ts"
import type { DriverRegistry } from "../actors/drivers/DriverRegistry.ts"
import type { DriverMessages } from "../actors/messages/DriverMessages.ts"
import type { Offer } from "../actors/offers/OfferShape.ts"
import type { DriverTasks } from "../actors/tasks/DriverTasks.ts"
import type { ToldTasks } from "../actors/tasks/TaskShape.ts"
import type { DriverWork } from "../actors/tasks/WorkTelling.ts"
import type { Limits } from "../config/Limits.ts"
import { isUuid, publicId } from "../domain/Ids.ts"
import { fieldRange, type QuarantineCode } from "../domain/TelemetryRules.ts"
import type { Principal } from "../identity/Principal.ts"
import type { Revocation } from "../identity/Revocations.ts"
import type { OpenedSession } from "../persistence/drivers/DriverSessionRepo.ts"
import type { OfferEnd } from "../persistence/shipments/DriverOffers.ts"
import { ackFrame } from "../protocol/AckFrame.ts"
import { CloseCode } from "../protocol/CloseCode.ts"
import { type Frame, MalformedFrame } from "../protocol/FrameCodec.ts"
import { DriverClientFrame, DriverServerFrame } from "../protocol/FrameType.ts"
import { optionalFault, type PointBlock, requiredFault } from "../protocol/PointBlock.ts"
import { readPointFrame } from "../protocol/PointFrames.ts"
import type { PointReader } from "../protocol/PointReader.ts"
import { type Connection, isRevocationOf, type SocketBehaviour } from "./Connection.ts"
import { type Hello, OtherVersion, readHello } from "./Hello.ts"
import { readOfferReply } from "./OfferFrame.ts"
import { readTask } from "./TaskFrame.ts"

/** How a HELLO ended: a session, or the code to close with. */
export type Admission =
  | {
      readonly _tag: "Admitted"
      readonly principal: Principal
      readonly session: OpenedSession
      readonly work: DriverWork
    }
  | { readonly _tag: "Refused"; readonly code: CloseCode; readonly retryAfterMs: number }

/** What driver sockets share on a node. */
export interface DriverNode {
  readonly limits: Limits
  readonly registry: DriverRegistry["Service"]
  readonly tasks: DriverTasks["Service"]
  readonly messages: DriverMessages["Service"]
  /** Both readers fill this one block: a frame is done with before the next one is read. */
  readonly block: PointBlock
  readonly reader: PointReader
  readonly admit: (hello: Hello, headerPrincipal: Principal | undefined) => Effect.Effect<Admission>
  /** Whose token it is, or the code to close with. */
  readonly verify: (token: string) => Effect.Effect<Principal | CloseCode>
  readonly isRevoked: (principal: Principal) => boolean
  readonly run: (effect: Effect.Effect<void>) => void
  readonly sessionEnded: (sessionId: string, code: number) => void
  /** Once true, frames are left unread: what they carry is sent again to the next node. */
  readonly isDraining: () => boolean
  /** Counts a frame by its name and fate. */
  readonly count: (frame: string) => void
}

/** What a socket keeps of a principal. The expiry is in seconds, as in the token: milliseconds would be boxed. */
interface ShownToken {
  readonly driverId: string | undefined
  readonly userId: string
  readonly sessionId: string
  readonly expiresAtS: number
}

const shownToken = ({ driverId, userId, sessionId, expiresAtMs }: Principal): ShownToken => ({
  driverId,
  userId,
  sessionId,
  // Rounded, though it is whole: a quotient stays boxed.
  expiresAtS: Math.round(expiresAtMs / 1_000)
})

const duties: ReadonlyArray<unknown> = ["on", "off", "break"]
const isDuty = (value: unknown): value is Duty => duties.includes(value)

/**
 * The driver endpoint: reads frames, hands points to the driver's intake on the spot and everything that waits to fibers, and
 * says to the phone what actors want said.
 */
export class DriverSocket implements SocketBehaviour, DriverLink {
  /** Of the token last shown, what is asked of it again; the whole principal would cost twice as much. */
  private token: ShownToken | undefined
  private readonly connection: Connection
  private readonly node: DriverNode
  private intake: DeviceIntake | undefined
  private isOpening = false

  constructor(connection: Connection, node: DriverNode) {
    this.connection = connection
    this.node = node
  }

  received(bytes: Uint8Array, now: number): void {
    const { connection, node, intake } = this
    if (connection.isClosing || node.isDraining() || !connection.admit(now)) return
    // Nearly every message of a working phone ends here.
    if (intake !== undefined && !connection.isJson && node.reader.read(bytes)) return intake.report(node.block, now)
    const frame = connection.decode(bytes)
    if (frame instanceof MalformedFrame) return this.malformed()
    if (intake === undefined) return this.beforeWelcome(frame)
    this.afterWelcome(frame, intake, now)
  }

  private beforeWelcome(frame: Frame): void {
    switch (frame[0]) {
      case DriverClientFrame.hello:
        return this.hello(frame)
      case DriverClientFrame.ping:
        return this.ping(frame, this.connection.heardAt)
      default:
        return this.malformed()
    }
  }

  private afterWelcome(frame: Frame, intake: DeviceIntake, now: number): void {
    switch (frame[0]) {
      case DriverClientFrame.point:
      case DriverClientFrame.batch:
        if (readPointFrame(frame, this.node.block) !== undefined) return this.malformed()
        return intake.report(this.node.block, now)
      case DriverClientFrame.beacon:
        return this.beacon(frame, intake, now)
      case DriverClientFrame.duty:
        return this.duty(frame, intake, now)
      case DriverClientFrame.offerReply:
        return this.offerReply(frame, intake, now)
      case DriverClientFrame.task:
        return this.task(frame, intake, now)
      case DriverClientFrame.ping:
        return this.ping(frame, now)
      case DriverClientFrame.auth:
        return this.auth(frame)
      case DriverClientFrame.hello:
        return this.hello(frame)
      default:
        return this.malformed()
    }
  }

  private hello(frame: Frame): void {
    const { connection, node } = this
    const hello = readHello(frame, node.limits)
    if (hello === undefined) return this.malformed()
    if (hello instanceof OtherVersion) return connection.close(CloseCode.versionNotSupported, 0)
    if (this.isOpening) return this.malformed()
    this.isOpening = true
    // A phone that was restored from a backup says HELLO a second time, with a new deviceId. The session before ends here and
    // not at the welcome: its acknowledgements, or the news that it was replaced, must not be taken for those of the new one.
    this.leave(1000)
    node.count("hello")
    node.run(
      Effect.map(node.admit(hello, connection.headerPrincipal), (admission) => {
        this.isOpening = false
        if (admission._tag === "Refused") return connection.close(admission.code, admission.retryAfterMs)
        this.welcome(admission.principal, admission.session, admission.work)
      })
    )
  }

  private welcome(principal: Principal, session: OpenedSession, work: DriverWork): void {
    const { connection, node } = this
    const driverId = principal.driverId as string
    const isStale = node.tasks.settle(driverId)
    if (connection.isClosing) return node.sessionEnded(session.sessionId, 1006)
    // It may have been revoked while the session was being opened, when nobody knew that this connection was its.
    if (node.isRevoked(principal)) {
      node.sessionEnded(session.sessionId, CloseCode.tokenInvalid)
      return connection.close(CloseCode.tokenInvalid, 0)
    }
    this.token = shownToken(principal)
    const intake = node.registry.connect(driverId, session, this)
    if (intake.driver.devices.length > node.limits.driverConnectionsMax) {
      this.intake = intake
      return connection.close(CloseCode.tooManyConnections, 0)
    }
    this.intake = intake
    const { limits } = node
    connection.sendFrame([
      DriverServerFrame.welcome,
      publicId("session", session.sessionId),
      session.lastSeq,
      intake.granted,
      connection.heardAt,
      { moving_ms: limits.cadenceMovingMs, idle_ms: limits.cadenceIdleMs, batch: limits.cadenceBatchPoints },
      session.lastRecordedAt ?? null
    ])
    this.tasks(work)
    node.tasks.introduce(intake, work.offers)
    if (isStale) node.tasks.refresh(driverId)
    node.messages.welcome(driverId, this)
  }

  private beacon(frame: Frame, intake: DeviceIntake, now: number): void {
    const [, recordedAt, lat, lng, speed, heading, accuracy] = frame
    const fault =
      requiredFault(recordedAt, fieldRange.time) ||
      requiredFault(lat, fieldRange.latE7) ||
      requiredFault(lng, fieldRange.lngE7) ||
      optionalFault(speed, fieldRange.speedCms) ||
      optionalFault(heading, fieldRange.headingCdeg) ||
      optionalFault(accuracy, fieldRange.accuracyCm)
    // A beacon is never answered; a bad one is only counted.
    if (fault !== 0) return this.node.count("beacon_bad_value")
    intake.beacon(
      recordedAt as number,
      lat as number,
      lng as number,
      orNaN(speed),
      orNaN(heading),
      orNaN(accuracy),
      now
    )
  }

  private duty(frame: Frame, intake: DeviceIntake, now: number): void {
    const [, commandId, duty, occurredAt] = frame
    if (!isCommandId(commandId)) return this.malformed()
    if (!isDuty(duty))
      return this.result(commandId, false, { code: "bad_value", detail: 'duty must be "on", "off" or "break"' })
    if (optionalFault(occurredAt, fieldRange.time) !== 0) {
      return this.result(commandId, false, { code: "bad_value", detail: "occurredAt must be Unix milliseconds or nil" })
    }
    this.node.count("duty")
    this.node.registry.duty(intake, this, commandId, duty, typeof occurredAt === "number" ? occurredAt : undefined, now)
  }

  private task(frame: Frame, intake: DeviceIntake, now: number): void {
    const commandId = frame[1]
    if (!isCommandId(commandId)) return this.malformed()
    const command = readTask(commandId, frame)
    if (typeof command === "string") return this.result(commandId, false, { code: "bad_value", detail: command })
    this.node.count("task")
    this.node.tasks.take(intake, this, command, now)
  }

  private offerReply(frame: Frame, intake: DeviceIntake, now: number): void {
    const commandId = frame[1]
    if (!isCommandId(commandId)) return this.malformed()
    const reply = readOfferReply(commandId, frame)
    if (typeof reply === "string") return this.result(commandId, false, { code: "bad_value", detail: reply })
    this.node.count("offer_reply")
    this.node.tasks.reply(intake, this, reply, now)
  }

  private ping(frame: Frame, now: number): void {
    this.connection.sendFrame([DriverServerFrame.pong, typeof frame[1] === "number" ? frame[1] : null, now])
  }

  private auth(frame: Frame): void {
    const token = frame[1]
    if (typeof token !== "string") return this.malformed()
    const { connection, node } = this
    node.run(
      Effect.map(node.verify(token), (principal) => {
        if (connection.isClosing) return
        // 4004 has its own deadline: a phone that sent an old token may still send a fresh one.
        if (principal === CloseCode.tokenExpired) return
        if (typeof principal === "number") return connection.close(principal, 0)
        if (principal.driverId !== this.token?.driverId) return connection.close(CloseCode.notPermitted, 0)
        this.token = shownToken(principal)
      })
    )
  }

  private malformed(): void {
    this.node.count("malformed")
    if (!this.connection.forgiveMalformed()) return
    if (this.intake !== undefined) this.intake.malformed()
    else this.refused(0, "malformed_frame", 0)
  }

  tick(now: number): void {
    const { connection, node, token } = this
    this.intake?.tick(now)
    if (this.intake === undefined && !this.isOpening && now - connection.openedAt > node.limits.firstFrameMs) {
      return connection.close(CloseCode.notAuthenticatedInTime, 0)
    }
    if (token !== undefined && now > token.expiresAtS * 1_000 + node.limits.tokenGraceMs) {
      connection.close(CloseCode.tokenExpired, node.limits.retryAfterMs)
    }
  }

  isEndedBy(revocation: Revocation): boolean | undefined {
    return this.token === undefined ? undefined : isRevocationOf(this.token, revocation)
  }

  closed(code: number): void {
    this.leave(code)
  }

  private leave(code: number): void {
    const { intake, node } = this
    if (intake === undefined) return
    this.intake = undefined
    node.registry.disconnect(intake)
    node.sessionEnded(intake.ingest.sessionId, code)
  }

  ack(seq: number): void {
    if (this.connection.isJson) this.connection.sendFrame([DriverServerFrame.ack, seq])
    else this.connection.write(ackFrame(seq))
  }
  flagged(seq: number, code: QuarantineCode): void {
    this.connection.sendFrame([DriverServerFrame.flagged, seq, code])
  }
  refused(expectedSeq: number, code: RefusalCode, retryAfterMs: number): void {
    this.connection.sendFrame([DriverServerFrame.refused, expectedSeq, code, retryAfterMs])
  }
  credit(window: number): void {
    this.connection.sendFrame([DriverServerFrame.credit, window])
  }
  result(commandId: string, ok: boolean, detail: Readonly<Record<string, unknown>> | null): void {
    this.connection.sendFrame([DriverServerFrame.result, commandId, ok, detail])
  }
  tasks({ version, tasks, breaks }: ToldTasks): void {
    this.connection.sendFrame([DriverServerFrame.tasks, version, tasks, ...(breaks.length === 0 ? [] : [breaks])])
  }
  offer({ offerId, assignmentId, shipment, fencingToken, expiresAt }: Offer): void {
    this.connection.sendFrame([DriverServerFrame.offer, offerId, assignmentId, shipment, fencingToken, expiresAt])
  }
  offerGone(offerId: string, reason: OfferEnd): void {
    this.connection.sendFrame([DriverServerFrame.offerGone, offerId, reason])
  }
  message(threadId: string, message: MessageShape): void {
    this.connection.sendFrame([DriverServerFrame.message, threadId, message])
  }
  close(code: CloseCode, retryAfterMs: number): void {
    this.connection.close(code, retryAfterMs)
  }
}

const orNaN = (value: unknown): number => (typeof value === "number" ? value : Number.NaN)

const isCommandId = (value: unknown): value is string => typeof value === "string" && isUuid(value.toLowerCase())
