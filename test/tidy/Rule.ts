import type { Project } from "./Project.ts"

/** A place that breaks a rule. */
export interface Offence {
  readonly path: string
  /** Counted from 1. */
  readonly line: number
  readonly what: string
}

/** A rule about the code itself. */
export interface Rule {
  /** A sentence that is true of a tidy project. */
  readonly says: string
  /** What to do where it is broken. */
  readonly instead: string
  readonly offences: (project: Project) => ReadonlyArray<Offence>
  /** A project that breaks it, so that a rule that has gone blind is noticed. */
  readonly breach: Readonly<Record<string, string>>
}

/** Offences as a person reads them. */
export const report = (rule: Rule, offences: ReadonlyArray<Offence>): ReadonlyArray<string> =>
  offences.map(({ path, line, what }) => `${path}:${line}: ${what}. Instead: ${rule.instead}`)

/** Every line of a text that matches, counted from 1. */
export const linesMatching = (text: string, pattern: RegExp): ReadonlyArray<readonly [line: number, found: string]> =>
  text.split("\n").flatMap((line, i) => {
    const found = pattern.exec(line)
    return found === null ? [] : [[i + 1, found[0]] as const]
  })
