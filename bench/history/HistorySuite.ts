import type { BenchOptions } from "../BenchOptions.ts"
import type { BenchStage } from "../BenchStage.ts"
import { type Figure, figure } from "../Figure.ts"
import { isWanted, type Suite } from "../Suite.ts"
import { type History, historyDays, loadHistory } from "./History.ts"
import { dropOldestDay } from "./OldestDay.ts"
import { readScenarios } from "./Reads.ts"
import { rollUpArrivals, rollUpHour } from "./RollUp.ts"

type Scenario = (history: History, options: BenchOptions) => Promise<ReadonlyArray<Figure>>

/** In this order: the last one takes days away. */
const scenarios: Readonly<Record<string, Scenario>> = {
  ...readScenarios,
  hour: rollUpHour,
  arrivals: rollUpArrivals,
  "oldest-day": dropOldestDay
}

const loadFigure = (history: History): Figure =>
  figure({
    id: "history.load",
    what: "ten days and today loaded by COPY BINARY with the cursor statement, two connections, encoding included",
    unit: "points/s",
    runs: [history.rows / history.loadS],
    context: { rows: history.rows, drivers: history.driverIds.length, days: historyDays }
  })

const measure = async (stage: BenchStage, options: BenchOptions): Promise<ReadonlyArray<Figure>> => {
  const history = await loadHistory(stage, options)
  try {
    const figures = [loadFigure(history)]
    for (const [name, scenario] of Object.entries(scenarios)) {
      if (isWanted(options, name)) figures.push(...(await scenario(history, options)))
    }
    return figures
  } finally {
    await history.close()
  }
}

/** Ten million points: each read from its index, the roll-up, and the end of a day's life. */
export const historySuite: Suite = {
  what: "reads, roll-up and retention over ten million points of ten days",
  scenarios: Object.keys(scenarios),
  run: async (open, options) => measure(await open(), options)
}
