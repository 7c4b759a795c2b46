/** Waits for a condition; fails naming it and what was last seen when the deadline passes. */
export const until = async <A>(
  what: string,
  look: () => A | Promise<A>,
  holds: (seen: A) => boolean,
  deadlineMs = 10_000
): Promise<A> => {
  const endMs = Date.now() + deadlineMs
  for (;;) {
    const seen = await look()
    if (holds(seen)) return seen
    if (Date.now() > endMs)
      throw new Error(`${what} did not happen within ${deadlineMs} ms; last seen: ${JSON.stringify(seen)}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
