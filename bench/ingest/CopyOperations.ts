import type { BenchSession } from "../BenchDatabase.ts"

/** The shape of the bare COPY. Everything is encoded before the clock runs. */
export interface CopyPlan {
  readonly databaseUrl: string
  readonly connections: number
  /** Rows of one transaction. */
  readonly rows: number
  /** Consecutive points of one driver in it. */
  readonly pointsPerRun: number
  /** Transactions to encode for each connection. */
  readonly transactions: number
  readonly sessions: ReadonlyArray<BenchSession>
}

/** What was committed while the clock ran, and in all. */
export interface CopyResult {
  readonly rows: number
  readonly measuredMs: number
  readonly total: number
}

/** What the bare COPY process can be asked. */
export type CopyOperations = {
  readonly prepare: (plan: CopyPlan) => Promise<void>
  readonly run: (input: { readonly warmUpS: number; readonly seconds: number }) => Promise<CopyResult>
}
