import { type Cause, Deferred, Duration, Effect, Exit, FiberSet } from "effect"

interface Asked<A, B, E> {
  readonly item: A
  readonly answer: Deferred.Deferred<B, E | Cause.TimeoutError>
}

/**
 * Makes one statement of what many fibers ask for one by one: while a statement is under way the others wait, and then go together, at
 * most `atOnceMax` of them. Who comes alone does not wait. `together` gives the answer to each item; when it fails, or takes longer
 * than `ms`, it has failed for all of its own. The statement belongs to nobody who asked: one who leaves takes nothing from the others.
 * Ends with the scope.
 */
export const makeGathered = Effect.fnUntraced(function* <A, B, E>(
  { atOnceMax, ms }: { readonly atOnceMax: number; readonly ms: number },
  together: (items: ReadonlyArray<A>) => Effect.Effect<(item: A) => B, E>
) {
  const fork = yield* FiberSet.makeRuntime()
  const waiting: Array<Asked<A, B, E>> = []
  let underWay: ReadonlyArray<Asked<A, B, E>> = []
  let isBusy = false

  const settle = (exit: Exit.Exit<(item: A) => B, E | Cause.TimeoutError>): void => {
    for (const { item, answer } of underWay)
      Deferred.doneUnsafe(
        answer,
        Exit.map(exit, (of) => of(item))
      )
    underWay = []
  }
  const oneStatement = Effect.suspend(() => {
    underWay = waiting.splice(0, atOnceMax)
    // A connection that the network swallowed would otherwise hold up everybody who comes later.
    const answered = Effect.timeout(together(underWay.map(({ item }) => item)), Duration.millis(ms))
    return Effect.map(Effect.exit(answered), settle)
  })
  const everything = Effect.whileLoop({
    while: () => waiting.length > 0,
    body: () => oneStatement,
    step: () => undefined
  }).pipe(
    Effect.ensuring(
      Effect.sync(() => {
        isBusy = false
        // Nothing waits here unless the scope has ended.
        for (const { answer } of [...underWay, ...waiting.splice(0)]) Deferred.doneUnsafe(answer, Effect.interrupt)
      })
    )
  )

  return (item: A): Effect.Effect<B, E | Cause.TimeoutError> =>
    Effect.suspend(() => {
      const answer = Deferred.makeUnsafe<B, E | Cause.TimeoutError>()
      waiting.push({ item, answer })
      if (!isBusy) {
        isBusy = true
        fork(everything)
      }
      return Deferred.await(answer)
    })
})
