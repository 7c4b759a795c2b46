import { type BenchOptions, scaled } from "../BenchOptions.ts"
import type { BenchStage } from "../BenchStage.ts"
import { cpuSecondsOf, cpuSecondsOfTree } from "../process/CpuUse.ts"
import type { CopyOperations } from "./CopyOperations.ts"

/** The shape of a bare COPY. */
export interface CopyShape {
  readonly drivers: number
  readonly rows: number
  readonly pointsPerRun: number
  readonly connections: number
}

export interface CopyFigures {
  readonly pointsPerS: number
  readonly cpuUsPerPoint: number
}

/** Rows a second for which transactions are encoded ahead; a faster machine ends its run early, which changes no rate. */
const expectedRowsPerS = 1_000_000

/**
 * The denominator: COPY BINARY of rows that are encoded beforehand, with the same cursor statement in the same transaction,
 * sent the same way. What PostgreSQL can take on this machine when nothing else is asked of it.
 */
export const runCopy = async (stage: BenchStage, options: BenchOptions, shape: CopyShape): Promise<CopyFigures> => {
  const copier = await stage.process<CopyOperations>("copy", new URL("./CopyProcess.ts", import.meta.url))
  const drivers = await stage.database.driversOf(scaled(options, shape.drivers))
  await stage.database.reset()
  const sessions = await stage.database.openSessions(drivers)
  await stage.database.analyze()
  const warmUpS = Math.min(1, options.warmUpS)
  const rows = ((warmUpS + options.seconds) * expectedRowsPerS) / shape.connections
  await copier.ask("prepare", {
    databaseUrl: stage.plan.databaseUrl,
    connections: shape.connections,
    rows: shape.rows,
    pointsPerRun: shape.pointsPerRun,
    transactions: Math.ceil(rows / shape.rows),
    sessions
  })
  const cpuOf = (): number => cpuSecondsOf(copier.pid) + cpuSecondsOfTree(stage.postgresPid)
  const before = cpuOf()
  const result = await copier.ask("run", { warmUpS, seconds: options.seconds })
  const cpuS = cpuOf() - before
  await stage.database.gate("copy", result.total, result.total, true)
  // Hundreds of megabytes of encoded rows must not stay beside the next contestant.
  await stage.end("copy")
  return { pointsPerS: (result.rows / result.measuredMs) * 1_000, cpuUsPerPoint: (cpuS / result.total) * 1e6 }
}
