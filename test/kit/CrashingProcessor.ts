import { Effect } from "effect"
import type {
  PaymentProcessor,
  ProcessorAnswer,
  ProcessorAsk,
  ProcessorName,
  ProcessorOpened,
  ProcessorStanding
} from "../../src/processors/PaymentProcessor.ts"

/** Where the node that asks comes to its end: before a call arrives, or after it worked and before its answer is heard. */
export type CrashPoint = "before open" | "after open" | "before ask" | "after ask" | "before inquire" | "after inquire"

/** Every point. */
export const crashPoints: ReadonlyArray<CrashPoint> = [
  "before open",
  "after open",
  "before ask",
  "after ask",
  "before inquire",
  "after inquire"
]

/**
 * A processor with a memory of its own, shared by all nodes of a test, that holds the caller at chosen points: to the database that is a node
 * that died there.
 */
export class CrashingProcessor {
  /** What really moved: one entry for each effect. */
  readonly moved: Array<{
    readonly operation: ProcessorAsk["operation"]
    readonly ref: string
    readonly amount: number
  }> = []
  /** Where the next callers end, each point once. */
  readonly crashes = new Set<CrashPoint>()
  private readonly waiting: Array<() => void> = []
  private readonly done = new Map<string, ProcessorAnswer>()
  private readonly refs = new Map<string, string>()

  /** How many are held at this moment. */
  get heldCount(): number {
    return this.waiting.length
  }

  get processors(): ReadonlyMap<ProcessorName, PaymentProcessor> {
    return new Map([["sandbox", this.processor]])
  }

  private get processor(): PaymentProcessor {
    return {
      name: "sandbox",
      tokenFault: () => undefined,
      open: ({ key }) =>
        this.through<ProcessorOpened>("open", () => {
          const ref = this.refs.get(key) ?? `ref_${key}`
          this.refs.set(key, ref)
          return { _tag: "Opened", ref }
        }),
      ask: (asked) => this.through<ProcessorAnswer>("ask", () => this.act(asked)),
      inquire: (asked) =>
        this.through<ProcessorStanding>("inquire", () => this.done.get(asked.key) ?? { _tag: "NotAsked" })
    }
  }

  /** Lets everybody who is held go on: then they were not dead, only slow. */
  release(): void {
    for (const goOn of this.waiting.splice(0)) goOn()
  }

  private held(): Effect.Effect<void> {
    return Effect.promise(() => new Promise<void>((resolve) => this.waiting.push(resolve)))
  }

  private act({ key, operation, ref, amount, refundId }: ProcessorAsk): ProcessorAnswer {
    const known = this.done.get(key)
    if (known !== undefined) return known
    const answer: ProcessorAnswer = { _tag: "Succeeded", ref: refundId }
    this.moved.push({ operation, ref, amount: amount.amount })
    this.done.set(key, answer)
    return answer
  }

  private through<A>(call: "open" | "ask" | "inquire", act: () => A): Effect.Effect<A> {
    return Effect.suspend(() => {
      if (this.crashes.delete(`before ${call}`)) return Effect.map(this.held(), act)
      const answer = act()
      return this.crashes.delete(`after ${call}`) ? Effect.as(this.held(), answer) : Effect.succeed(answer)
    })
  }
}
