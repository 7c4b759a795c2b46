import { Clock, Context, Deferred, Effect, Layer, Schedule } from "effect"
import { Limits } from "../config/Limits.ts"
import { DatabaseUrl } from "../persistence/Database.ts"
import { followRevocationFeed, type RevocationNotice, type RevokedNow } from "../persistence/identity/RevocationFeed.ts"
import type { Principal } from "./Principal.ts"

/** What was revoked: one auth session, or everything of one user. Ids are bare UUIDs. */
export interface Revocation {
  readonly kind: "session" | "user"
  readonly id: string
}

/**
 * Which auth sessions and users are revoked although their tokens have not expired yet. Kept in memory, so that asking costs a
 * lookup; heard from PostgreSQL by NOTIFY, and read again from the tables after every reconnect. While PostgreSQL is away the
 * last known state holds (nothing can be revoked meanwhile, except through another network path).
 *
 * The layer waits for the first reading: before it, a revoked token would look good.
 *
 * Tricky interleavings
 * - A session is revoked between LISTEN and the reading: both tell of it, and the second changes nothing.
 * - A notice is lost with the connection: the reading after the reconnect finds it, and subscribers hear of it then.
 * - A user is disabled and enabled again while the connection is away: the reading replaces the whole state.
 */
export class Revocations extends Context.Service<
  Revocations,
  {
    readonly isRevoked: (principal: Pick<Principal, "sessionId" | "userId">) => boolean
    /** Calls back synchronously for each new revocation until the returned function is called. */
    readonly subscribe: (listener: (revocation: Revocation) => void) => () => void
    /** Whether notices arrive at this moment; false while PostgreSQL is away. */
    readonly isListening: () => boolean
  }
>()("dropmate/identity/Revocations") {
  static readonly layer = Layer.effect(
    Revocations,
    Effect.gen(function* () {
      const url = yield* DatabaseUrl
      const limits = yield* Limits
      const clock = yield* Clock.Clock
      const runFork = Effect.runForkWith(yield* Effect.context<never>())
      const complain = (error: unknown): void =>
        void runFork(Effect.logError("revocation_listener_failed: a subscriber of revocations threw", error))
      const state = new RevocationState(limits.provisionedTokenTtlS * 1000 + limits.tokenGraceMs, complain)
      const first = yield* Deferred.make<void>()
      const follow = followRevocationFeed(url, {
        caughtUp: (revoked) => {
          state.replace(revoked, clock.currentTimeMillisUnsafe())
          Deferred.doneUnsafe(first, Effect.void)
        },
        noticed: (notice) => state.hear(notice, clock.currentTimeMillisUnsafe())
      }).pipe(
        Effect.tapError((error) =>
          Effect.andThen(
            Effect.sync(() => state.lost()),
            Effect.logWarning("revocations_not_heard: a revoked token stays good here until PostgreSQL answers", {
              reason: error.message
            })
          )
        )
      )
      const backoff = Schedule.min([Schedule.exponential(50), Schedule.spaced(limits.revocationReconnectMsMax)])
      yield* follow.pipe(Effect.retry(Schedule.jittered(backoff)), Effect.forkScoped)
      yield* Deferred.await(first)
      return Revocations.of({
        isRevoked: state.isRevoked,
        subscribe: state.subscribe,
        isListening: () => state.listening
      })
    })
  )
}

class RevocationState {
  listening = false
  /** Session id to the time when its last token is over. */
  private sessions = new Map<string, number>()
  private users = new Set<string>()
  private readonly listeners = new Set<(revocation: Revocation) => void>()
  private readonly tokenLifeMs: number
  private readonly complain: (error: unknown) => void

  constructor(tokenLifeMs: number, complain: (error: unknown) => void) {
    this.tokenLifeMs = tokenLifeMs
    this.complain = complain
  }

  readonly isRevoked = (principal: Pick<Principal, "sessionId" | "userId">): boolean =>
    this.sessions.has(principal.sessionId) || this.users.has(principal.userId)

  readonly subscribe = (listener: (revocation: Revocation) => void): (() => void) => {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  lost(): void {
    this.listening = false
  }

  replace(revoked: RevokedNow, nowMs: number): void {
    const before = { sessions: this.sessions, users: this.users }
    this.sessions = new Map([...before.sessions].filter(([, overAtMs]) => overAtMs > nowMs))
    for (const { id, revokedAtMs } of revoked.sessions) this.sessions.set(id, revokedAtMs + this.tokenLifeMs)
    this.users = new Set(revoked.userIds)
    this.listening = true
    for (const { id } of revoked.sessions) if (!before.sessions.has(id)) this.tell({ kind: "session", id })
    for (const id of revoked.userIds) if (!before.users.has(id)) this.tell({ kind: "user", id })
  }

  hear(notice: RevocationNotice, nowMs: number): void {
    if (notice.kind === "restored") {
      this.users.delete(notice.id)
      return
    }
    this.forgetOver(nowMs)
    if (notice.kind === "user") {
      if (this.users.has(notice.id)) return
      this.users.add(notice.id)
    } else {
      if (this.sessions.has(notice.id)) return
      this.sessions.set(notice.id, nowMs + this.tokenLifeMs)
    }
    this.tell({ kind: notice.kind, id: notice.id })
  }

  // A Map keeps the order of insertion and every entry lives equally long, so the oldest are in front.
  private forgetOver(nowMs: number): void {
    for (const [id, overAtMs] of this.sessions) {
      if (overAtMs > nowMs) return
      this.sessions.delete(id)
    }
  }

  private tell(revocation: Revocation): void {
    for (const listener of this.listeners) {
      try {
        listener(revocation)
      } catch (error) {
        this.complain(error)
      }
    }
  }
}
