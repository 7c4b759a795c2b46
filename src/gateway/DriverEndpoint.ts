import { Context, Effect, Layer, Metric, Result } from "effect"
import { DriverRegistry } from "../actors/drivers/DriverRegistry.ts"
import { DriverMessages } from "../actors/messages/DriverMessages.ts"
import { DriverTasks } from "../actors/tasks/DriverTasks.ts"
import { Env } from "../config/Env.ts"
import { Limits } from "../config/Limits.ts"
import { AccessTokens } from "../identity/AccessTokens.ts"
import { Revocations } from "../identity/Revocations.ts"
import { DriverSessionRepo } from "../persistence/drivers/DriverSessionRepo.ts"
import { TelemetryWriter } from "../persistence/ingest/TelemetryWriter.ts"
import { CloseCode } from "../protocol/CloseCode.ts"
import { PointBlock } from "../protocol/PointBlock.ts"
import { PointReader } from "../protocol/PointReader.ts"
import { makeAdmission } from "./DriverAdmission.ts"
import { type DriverNode, DriverSocket } from "./DriverSocket.ts"
import type { Endpoint } from "./Endpoint.ts"
import { makeSessionLog } from "./SessionLog.ts"

const noContext = Context.empty()
const framesTotal = (frame: string) =>
  Metric.counter("dropmate_frames_total", {
    incremental: true,
    attributes: { frame },
    description: "Frames of drivers by kind; points are counted where they are committed"
  })

/** `/v1/driver`: what its sockets share on a node, and how they end. */
export class DriverEndpoint extends Context.Service<
  DriverEndpoint,
  {
    readonly endpoint: Endpoint
    /** From now on frames are left unread; succeeds once what was taken is committed and acknowledged. */
    readonly finish: Effect.Effect<void>
    /** Writes down which sessions ended. */
    readonly flushSessions: Effect.Effect<void>
  }
>()("dropmate/gateway/DriverEndpoint") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const env = yield* Env
      const limits = yield* Limits
      const registry = yield* DriverRegistry
      const writer = yield* TelemetryWriter
      const sessions = yield* DriverSessionRepo
      const tokens = yield* AccessTokens
      const revocations = yield* Revocations
      const run = Effect.runForkWith(yield* Effect.context())
      let isFinishing = false

      const log = yield* makeSessionLog(sessions, registry.sessionIds, limits)
      const block = new PointBlock(limits.batchPointsMax)
      const node: DriverNode = {
        limits,
        registry,
        tasks: yield* DriverTasks,
        messages: yield* DriverMessages,
        block,
        reader: new PointReader(block),
        admit: yield* makeAdmission(env.nodeName, limits),
        verify: (token) =>
          Effect.map(Effect.result(tokens.verify(token)), (result) => {
            if (Result.isFailure(result)) {
              return result.failure._tag === "TokenExpired" ? CloseCode.tokenExpired : CloseCode.tokenInvalid
            }
            return revocations.isRevoked(result.success) ? CloseCode.tokenInvalid : result.success
          }),
        isRevoked: revocations.isRevoked,
        run: (effect) => void run(effect),
        sessionEnded: log.ended,
        isDraining: () => isFinishing,
        count: (frame) => framesTotal(frame).updateUnsafe(1, noContext)
      }
      yield* sessions.endLeftOver(env.nodeName).pipe(Effect.ignore)
      yield* sessions.watchReplaced(registry.replaced).pipe(Effect.forkScoped)

      return {
        endpoint: {
          path: "/v1/driver",
          payloadBytesMax: limits.frameBytesMax,
          backpressureBytesMax: limits.socketBackpressureBytesMax,
          open: (connection) => new DriverSocket(connection, node)
        },
        finish: Effect.suspend(() => {
          isFinishing = true
          return writer.drained
        }),
        flushSessions: log.flush
      }
    })
  )
}
