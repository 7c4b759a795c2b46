/** One thing that `doctor` looked at. */
export interface Finding {
  readonly check: string
  readonly verdict: "ok" | "warn" | "fail"
  /** What was seen. */
  readonly found: string
  /** What to do about it; absent when all is well. */
  readonly advice?: string
}

export const ok = (check: string, found: string): Finding => ({ check, verdict: "ok", found })
export const warn = (check: string, found: string, advice: string): Finding => ({
  check,
  verdict: "warn",
  found,
  advice
})
export const fail = (check: string, found: string, advice: string): Finding => ({
  check,
  verdict: "fail",
  found,
  advice
})
