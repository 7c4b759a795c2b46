/** Where a long command says how far it is. Never stdout: that is for what the command prints. */
export interface StatusOutput {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly write: (text: string) => unknown
}

/** Says nothing. */
export const silentOutput: StatusOutput = { write: () => true }

const barWidth = 24
const ttyEveryMs = 100
const lineEveryMs = 1_000

/** One line on a terminal that is written over; elsewhere a new line about once a second. */
export class StatusLine {
  private readonly output: StatusOutput
  private shownAtMs = Number.NEGATIVE_INFINITY
  private isShown = false

  constructor(output: StatusOutput = process.stderr) {
    this.output = output
  }

  /** Shows `text` unless something was shown a moment ago. `share` (0..1) draws a bar on a terminal. */
  show(text: () => string, share?: number): void {
    const nowMs = performance.now()
    if (nowMs - this.shownAtMs < (this.output.isTTY === true ? ttyEveryMs : lineEveryMs)) return
    this.shownAtMs = nowMs
    this.write(text(), share)
  }

  /** Shows `text` now, and leaves it standing. */
  end(text: string): void {
    this.write(text)
    if (this.output.isTTY === true) this.output.write("\n")
    this.isShown = false
    this.shownAtMs = Number.NEGATIVE_INFINITY
  }

  /** Puts the cursor below a line that was left standing, before something else is written. */
  clear(): void {
    if (this.isShown) this.output.write("\n")
    this.isShown = false
  }

  private write(text: string, share?: number): void {
    if (this.output.isTTY !== true) {
      this.output.write(`dropmate: ${text}\n`)
      return
    }
    const line = share === undefined ? text : `${bar(share)} ${text}`
    this.output.write(`\r\u001b[K${line.slice(0, Math.max(20, (this.output.columns ?? 120) - 1))}`)
    this.isShown = true
  }
}

const bar = (share: number): string => {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * barWidth)
  return `[${"#".repeat(filled)}${"-".repeat(barWidth - filled)}]`
}
