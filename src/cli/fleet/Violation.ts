/** One case of something that must never happen. */
export interface Finding {
  readonly invariant: string
  /** Of the order, shipment or product that it concerns. */
  readonly id: string
  readonly seen: string
}

/** A broken invariant with all its cases, as the report tells it. */
export interface Violation {
  readonly invariant: string
  readonly count: number
  /** Whom it concerns, the first ones. */
  readonly ids: ReadonlyArray<string>
  /** What was seen of the first. */
  readonly seen: string
}

const idsMax = 20

/** Findings by invariant. */
export const violationsOf = (findings: ReadonlyArray<Finding>): ReadonlyArray<Violation> => {
  const cases = new Map<string, Array<Finding>>()
  for (const finding of findings) {
    const known = cases.get(finding.invariant)
    if (known === undefined) cases.set(finding.invariant, [finding])
    else known.push(finding)
  }
  return [...cases].map(([invariant, all]) => ({
    invariant,
    count: all.length,
    ids: [...new Set(all.map(({ id }) => id))].slice(0, idsMax),
    seen: all[0]?.seen ?? ""
  }))
}
