import { Data } from "effect"

/** A step of a launch failed, for the stated reason; the launcher adds whose launch it was. */
export class StepFailed extends Data.TaggedError("StepFailed")<{ readonly reason: string }> {
  override get message() {
    return this.reason
  }
}

/** What a callback, a promise or a synchronous call threw, as a failed step. */
export const stepFailed = (thrown: unknown): StepFailed =>
  thrown instanceof StepFailed
    ? thrown
    : new StepFailed({ reason: thrown instanceof Error ? thrown.message : String(thrown) })
