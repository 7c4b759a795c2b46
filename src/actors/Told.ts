import { Context, Effect, Layer } from "effect"

/** What a commit did to an order, for whoever on this node wants to know at once. Ids are bare UUIDs. */
export interface Told {
  readonly orderId: string
  readonly shipmentId: string | undefined
  /** Drivers whose work it changes. */
  readonly driverIds: ReadonlyArray<string>
  readonly type: string
  /** The order's event number. */
  readonly offset: number
  readonly occurredAtMs: number
  readonly data: Readonly<Record<string, unknown>>
}

// What the transaction under way will have to tell; undefined outside of one.
const Collected = Context.Reference<Array<Told> | undefined>("dropmate/actors/Told/Collected", {
  defaultValue: () => undefined
})

/**
 * Keeps "tell" after "keep": what commands note is told to listeners only once the outermost effect, which commits, has
 * succeeded; what was rolled back is never told.
 */
export class Telling extends Context.Service<
  Telling,
  {
    /** Runs an effect that commits at its end, then tells what was noted inside. Inside another one the outer one tells. */
    readonly around: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    readonly note: (told: ReadonlyArray<Told>) => Effect.Effect<void>
    /** Listeners are called synchronously, in the order of commits of this node; they must not throw. Answers how to end it. */
    readonly onTold: (listener: (told: Told) => void) => () => void
  }
>()("dropmate/actors/Telling") {
  static readonly layer = Layer.sync(Telling, () => {
    const listeners = new Set<(told: Told) => void>()
    const tell = (told: ReadonlyArray<Told>): void => {
      for (const each of told) for (const listener of listeners) listener(each)
    }
    return {
      around: (effect) =>
        Effect.flatMap(Collected, (outer) => {
          if (outer !== undefined) return effect
          return Effect.suspend(() => {
            const collected: Array<Told> = []
            return Effect.tap(Effect.provideService(effect, Collected, collected), () =>
              Effect.sync(() => tell(collected))
            )
          })
        }),
      note: (told) => Effect.map(Collected, (collected) => void collected?.push(...told)),
      onTold: (listener) => {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      }
    }
  })
}
