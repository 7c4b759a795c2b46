import { Effect, Redacted } from "effect"
import { IngestBatch } from "../../src/persistence/ingest/IngestBatch.ts"
import { IngestConnection } from "../../src/persistence/ingest/IngestConnection.ts"
import { IngestDevice } from "../../src/persistence/ingest/IngestDevice.ts"
import { ingestMessages, ingestStatements, wholeMove } from "../../src/persistence/ingest/IngestTransaction.ts"
import { Track } from "../load/Track.ts"
import { answer } from "../process/Answering.ts"
import type { CopyOperations, CopyPlan, CopyResult } from "./CopyOperations.ts"

type Transaction = ReadonlyArray<Uint8Array>

interface Phone {
  readonly device: IngestDevice
  readonly track: Track
}

const ignoring = { settled: () => {}, lost: () => {} }

/** Encodes transactions of one connection before the clock runs, each `rows` long: run after run of one driver's points. */
const encode = (phones: ReadonlyArray<Phone>, plan: CopyPlan): ReadonlyArray<Transaction> => {
  const batch = new IngestBatch(plan.rows)
  const transactions: Array<Transaction> = []
  let next = 0
  for (let i = 0; i < plan.transactions; i++) {
    while (batch.rows < plan.rows) {
      const phone = phones[next++ % phones.length] as Phone
      appendRun(batch, phone, Math.min(plan.pointsPerRun, plan.rows - batch.rows))
    }
    transactions.push(ingestMessages(batch.advances.map(wholeMove), batch.copyBytes().slice()))
    for (const advance of batch.advances) advance.device.advance = undefined
    batch.reset()
  }
  return transactions
}

const appendRun = (batch: IngestBatch, { device, track }: Phone, points: number): void => {
  const now = Date.now()
  for (let i = 0; i < points; i++) {
    track.advance(1, now)
    batch.append(device, track.seq, track.recordedAt, now, track.latE7, track.lngE7, 1_100, 4_500, 500, 80, 0, 0)
  }
}

const lanes: Array<{ readonly connection: IngestConnection; readonly transactions: ReadonlyArray<Transaction> }> = []
let rowsEach = 0

const prepare = async (plan: CopyPlan): Promise<void> => {
  for (const { connection } of lanes.splice(0)) await Effect.runPromise(connection.close)
  rowsEach = plan.rows
  const phones = plan.sessions.map((session, i) => ({
    device: new IngestDevice(
      session,
      { lastSeq: 0, markerRecordedAt: Number.NEGATIVE_INFINITY, markerReceivedAt: 0 },
      ignoring
    ),
    track: new Track(i, Date.now())
  }))
  for (let lane = 0; lane < plan.connections; lane++) {
    const connection = new IngestConnection({
      url: Redacted.make(plan.databaseUrl),
      name: `bench-copy-${lane}`,
      role: "dropmate_writer",
      statements: ingestStatements,
      connectMs: 5_000
    })
    await Effect.runPromise(connection.connect)
    lanes.push({
      connection,
      transactions: encode(
        phones.filter((_, i) => i % plan.connections === lane),
        plan
      )
    })
  }
}

/** Sends transaction after transaction on every connection until the time is over or one has run out. */
const run = async ({
  warmUpS,
  seconds
}: {
  readonly warmUpS: number
  readonly seconds: number
}): Promise<CopyResult> => {
  const beganMs = performance.now()
  const fromMs = beganMs + warmUpS * 1_000
  const untilMs = fromMs + seconds * 1_000
  const result = { rows: 0, total: 0, cpu: process.cpuUsage(), measuredMs: 0, isMeasuring: false, isOver: false }
  let firstMs = 0
  const lane = async (index: number): Promise<void> => {
    const { connection, transactions } = lanes[index] as (typeof lanes)[number]
    for (const transaction of transactions) {
      if (result.isOver) return
      await Effect.runPromise(connection.pipeline(transaction))
      const now = performance.now()
      result.total += rowsEach
      if (result.isMeasuring && !result.isOver) {
        result.rows += rowsEach
        result.measuredMs = now - firstMs
      } else if (now >= fromMs && !result.isMeasuring) {
        // The window opens with a commit, so that no transaction is counted in part.
        result.isMeasuring = true
        firstMs = now
        result.cpu = process.cpuUsage()
      }
      if (now >= untilMs) result.isOver = true
    }
    result.isOver = true
  }
  await Promise.all(lanes.map((_, index) => lane(index)))
  return { rows: result.rows, measuredMs: result.measuredMs, total: result.total }
}

answer({ prepare, run } satisfies CopyOperations)
