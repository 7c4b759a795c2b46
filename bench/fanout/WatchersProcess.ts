import { answer } from "../process/Answering.ts"
import type { WatchersOperations } from "./FanoutOperations.ts"
import { Watchers } from "./Watchers.ts"

let watchers: Watchers | undefined

const opened = (): Watchers => {
  if (watchers === undefined) throw new Error("no watchers are open")
  return watchers
}

answer({
  open: async (plan) => {
    watchers?.close()
    watchers = new Watchers(plan)
    await watchers.connect()
  },
  begin: (pace) => opened().begin(pace),
  measure: () => opened().measure(),
  sample: () => opened().sample(),
  drain: ({ timeoutMs }) => opened().drain(timeoutMs),
  close: () => watchers?.close()
} satisfies WatchersOperations)
