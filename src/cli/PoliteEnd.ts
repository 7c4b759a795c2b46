import { Console, Effect } from "effect"

const printReport = (report: unknown): Effect.Effect<void> => Console.log(JSON.stringify(report))

/**
 * Runs a long command that Ctrl-C ends early but not at once: the interruption fires the signal and then waits for `run`, which winds
 * up and gives its report all the same. The report is printed either way; the interruption stays one (exit code 130).
 */
export const politeEnd = <A, E>(
  run: (signal: AbortSignal) => Promise<A>,
  failed: (cause: unknown) => E,
  print: (report: A) => Effect.Effect<void> = printReport
): Effect.Effect<A, E> =>
  Effect.callback<A, E>((resume) => {
    const interruption = new AbortController()
    const running = run(interruption.signal)
    running.then(
      (report) => resume(Effect.succeed(report)),
      (cause) => resume(Effect.fail(failed(cause)))
    )
    return Effect.suspend(() => {
      interruption.abort(new Error("interrupted"))
      return Effect.tryPromise(() => running).pipe(
        Effect.flatMap(print),
        // Interrupted before there was anything to report: not worth a word.
        Effect.catch(({ cause }) =>
          cause === interruption.signal.reason ? Effect.void : Console.error(`dropmate: ${String(failed(cause))}`)
        )
      )
    })
  }).pipe(Effect.tap(print))
