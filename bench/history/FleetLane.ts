import { Effect, Redacted } from "effect"
import { defaultLimits } from "../../src/config/Limits.ts"
import { Flag } from "../../src/domain/TelemetryRules.ts"
import { IngestBatch } from "../../src/persistence/ingest/IngestBatch.ts"
import { IngestConnection } from "../../src/persistence/ingest/IngestConnection.ts"
import { IngestDevice } from "../../src/persistence/ingest/IngestDevice.ts"
import { ingestMessages, ingestStatements, wholeMove } from "../../src/persistence/ingest/IngestTransaction.ts"
import type { BenchSession } from "../BenchDatabase.ts"
import { placeAt, reportEveryMs } from "./Shift.ts"

/** Rows of one transaction: a full flush of the product. */
const rowsMax = 16_000
const speedCms = 1_110
const ignoring = { settled: () => {}, lost: () => {} }

interface Phone {
  readonly number: number
  readonly device: IngestDevice
}

/** One connection of the product's writer and the phones whose points go over it: COPY BINARY with the cursor statement. */
export class FleetLane {
  readonly phones: ReadonlyArray<Phone>
  /** Rows committed so far. */
  rows = 0
  private readonly batch = new IngestBatch(rowsMax)
  private readonly connection: IngestConnection

  private constructor(connection: IngestConnection, phones: ReadonlyArray<Phone>) {
    this.connection = connection
    this.phones = phones
  }

  /** Connects a lane for fresh sessions, each with the number of its driver. */
  static async connect(
    url: string,
    name: string,
    sessions: ReadonlyArray<readonly [number: number, session: BenchSession]>
  ): Promise<FleetLane> {
    const connection = new IngestConnection({
      url: Redacted.make(url),
      name,
      role: "dropmate_writer",
      statements: ingestStatements,
      connectMs: defaultLimits.databaseConnectMs
    })
    await Effect.runPromise(connection.connect)
    const cursor = { lastSeq: 0, markerRecordedAt: Number.NEGATIVE_INFINITY, markerReceivedAt: 0 }
    const phones = sessions.map(([number, session]) => ({
      number,
      device: new IngestDevice(session, cursor, ignoring)
    }))
    return new FleetLane(connection, phones)
  }

  /** Adds the point that a phone recorded at a time, Unix ms; commits when the batch is full. */
  async add({ number, device }: Phone, recordedAt: number, receivedAt: number): Promise<void> {
    if (this.batch.rows === rowsMax) await this.commit()
    const { latE7, lngE7 } = placeAt(number, recordedAt / reportEveryMs)
    const flags = receivedAt - recordedAt > defaultLimits.lateAfterMs ? Flag.late : 0
    const seq = device.acceptedSeq + 1
    this.batch.append(device, seq, recordedAt, receivedAt, latE7, lngE7, speedCms, 4_500, 500, 80, 0, flags)
  }

  /** Commits what was added since the last commit. */
  async commit(): Promise<void> {
    const { batch } = this
    if (batch.rows === 0) return
    await Effect.runPromise(this.connection.pipeline(ingestMessages(batch.advances.map(wholeMove), batch.copyBytes())))
    for (const { device } of batch.advances) device.advance = undefined
    this.rows += batch.rows
    batch.reset()
  }

  close(): Promise<void> {
    return Effect.runPromise(this.connection.close)
  }
}
