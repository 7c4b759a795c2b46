import { Context, Data, Effect, Layer } from "effect"
import { Limits } from "../../config/Limits.ts"
import { Redis } from "../Redis.ts"

/** Redis did not take a message, or did not say who listens. */
export class PeerChannelAway extends Data.TaggedError("PeerChannelAway")<{ readonly reason: string }> {}

/** Who hears what nodes tell each other. Both are called synchronously. */
export interface PeerListener {
  /** Listening began, again or for the first time: what was told before was not heard. */
  readonly opened: () => void
  readonly heard: (bytes: Uint8Array) => void
}

/**
 * One channel of Redis' pub/sub between the nodes of an installation. It forgets: whoever does not listen misses what is told,
 * so only what is told again, or can be read elsewhere, may travel on it. Own messages come back as well.
 */
export class PeerChannel extends Context.Service<
  PeerChannel,
  {
    readonly publish: (bytes: Uint8Array) => Effect.Effect<void, PeerChannelAway>
    /** How many nodes listen, this one included while `isOpen`. */
    readonly listeners: Effect.Effect<number, PeerChannelAway>
    /** Begins to listen, and goes on after each loss of the connection, until the scope ends. Called once. */
    readonly listen: (listener: PeerListener) => Effect.Effect<void>
    /** Whether messages arrive, as far as the connection tells. */
    readonly isOpen: () => boolean
  }
>()("dropmate/persistence/drivers/PeerChannel") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const redis = yield* Redis
      const limits = yield* Limits
      // Channels do not belong to a numbered database as keys do; installations that share a server must not hear each other.
      const channel = `dropmate:${redis.options.db ?? 0}:peers`
      let isOpen = false
      // A connection that listens can do nothing else, so it is one of its own; it makes itself known whenever it is up.
      const subscriber = yield* Effect.acquireRelease(
        Effect.sync(() =>
          redis.duplicate({
            connectionName: "dropmate-peers",
            lazyConnect: true,
            autoResubscribe: false,
            commandTimeout: limits.redisCommandMs
          })
        ),
        (client) => Effect.sync(() => client.disconnect())
      )
      const asked = <A>(ask: () => Promise<A>): Effect.Effect<A, PeerChannelAway> =>
        Effect.tryPromise({ try: ask, catch: (error) => new PeerChannelAway({ reason: String(error) }) })

      const listen = (listener: PeerListener): void => {
        // Redis' own connection reports the outage: both lose the same server.
        subscriber.on("error", () => undefined)
        subscriber.on("close", () => {
          isOpen = false
        })
        subscriber.on("messageBuffer", (_channel: Buffer, bytes: Buffer) => listener.heard(bytes))
        subscriber.on("ready", () => {
          subscriber.subscribe(channel).then(
            () => {
              isOpen = true
              listener.opened()
            },
            // Refused or lost on the way: from the beginning, with the pauses of every reconnect.
            () => subscriber.disconnect(true)
          )
        })
        // Its failure is an error event, and another attempt.
        subscriber.connect().catch(() => undefined)
      }

      return {
        publish: (bytes) =>
          Effect.asVoid(
            asked(() => redis.publish(channel, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)))
          ),
        listeners: Effect.map(
          asked(() => redis.pubsub("NUMSUB", channel)),
          (answer) => Number(answer[1])
        ),
        listen: (listener) => Effect.sync(() => listen(listener)),
        isOpen: () => isOpen
      }
    })
  )
}
