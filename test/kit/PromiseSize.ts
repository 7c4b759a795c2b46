/**
 * How large the promises are tried. PROMISE_RUNS is per cent of the nightly size (100: 100 kills, 60 s of outage, 200 cuts); without
 * it each has the size that fits a submission.
 */
const percent = process.env.PROMISE_RUNS === undefined ? undefined : Number(process.env.PROMISE_RUNS)
if (percent !== undefined && !(percent > 0 && percent <= 1_000)) {
  throw new Error(`PROMISE_RUNS must be per cent of the nightly size, 1 to 1000, not ${process.env.PROMISE_RUNS}`)
}

/** The size of one trial: `ci` unless PROMISE_RUNS says how much of `nightly`. */
export const promiseSize = (sizes: { readonly ci: number; readonly nightly: number }): number =>
  percent === undefined ? sizes.ci : Math.max(1, Math.round((sizes.nightly * percent) / 100))

/** PROMISE_SEED, or a new seed; print it with the figures. */
export const promiseSeed = (): number =>
  process.env.PROMISE_SEED === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(process.env.PROMISE_SEED)

/** One line with the sizes that ran and what was measured. */
export const reportPromise = (promise: string, figures: Readonly<Record<string, unknown>>): void => {
  process.stdout.write(`promise ${promise} ${JSON.stringify(figures)}\n`)
}
