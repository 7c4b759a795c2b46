import { Effect, Redacted } from "effect"
import pg from "pg"
import { defaultLimits, type Limits } from "../../src/config/Limits.ts"
import { BatchCommit } from "../../src/persistence/ingest/BatchCommit.ts"
import { IngestConnection } from "../../src/persistence/ingest/IngestConnection.ts"
import { type CursorLost, IngestDevice, type QuarantinedPoint } from "../../src/persistence/ingest/IngestDevice.ts"
import { ingestStatements } from "../../src/persistence/ingest/IngestTransaction.ts"
import { TelemetryDays } from "../../src/persistence/ingest/TelemetryDays.ts"
import { migrate } from "../../src/persistence/Migrations.ts"
import { insertDriver } from "./EngineUnderTest.ts"
import { freshDatabase } from "./TestServices.ts"

/** A device with what its listener heard. */
export interface HeardDevice {
  readonly device: IngestDevice
  readonly driverId: string
  readonly settled: Array<readonly [seq: number, quarantined: ReadonlyArray<QuarantinedPoint>]>
  readonly lost: Array<CursorLost>
}

/** The committing half of the writer over a database of its own: batches are filled by the test. */
export interface WriterUnderTest {
  readonly databaseUrl: string
  readonly client: pg.Client
  readonly failures: Array<readonly [sqlState: string, isAlarm: boolean]>
  readonly daysMade: Array<string>
  /** A committer; over `url` when a proxy stands in between. */
  readonly commit: (url?: string, limits?: Partial<Limits>) => BatchCommit
  /** A device at its first point; with `of`, a newer session of that device. */
  readonly device: (of?: HeardDevice) => Promise<HeardDevice>
  readonly drop: () => Promise<void>
}

const openSession = `SELECT * FROM open_driver_session($1, 'device', 'android', '1', '{}', NULL, 'test', gen_random_uuid(), $2, 20)`

/** Migrates a fresh database and connects to it as its owner. */
export const startWriter = async (): Promise<WriterUnderTest> => {
  const database = await freshDatabase()
  await Effect.runPromise(migrate(Redacted.make(database.url)))
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  const connections: Array<IngestConnection> = []
  const failures: Array<readonly [string, boolean]> = []
  const daysMade: Array<string> = []
  const device = async (of?: HeardDevice): Promise<HeardDevice> => {
    const driverId = of?.driverId ?? (await insertDriver(client)).driverId
    const sessionId = crypto.randomUUID()
    const { rows } = await client.query<{ device_no: number; last_seq: string }>(openSession, [driverId, sessionId])
    const settled: HeardDevice["settled"] = []
    const lost: Array<CursorLost> = []
    return {
      driverId,
      settled,
      lost,
      device: new IngestDevice(
        { driverId, deviceNo: rows[0]?.device_no ?? 0, sessionId },
        {
          lastSeq: Number(rows[0]?.last_seq),
          markerRecordedAt: Number.NEGATIVE_INFINITY,
          markerReceivedAt: Number.NEGATIVE_INFINITY
        },
        {
          settled: (seq, quarantined) => void settled.push([seq, quarantined]),
          lost: (reason) => void lost.push(reason)
        }
      )
    }
  }
  return {
    databaseUrl: database.url,
    client,
    failures,
    daysMade,
    device,
    commit: (url = database.url, limits = {}) => {
      const connection = new IngestConnection({
        url: Redacted.make(url),
        name: "test-ingest",
        role: "dropmate_writer",
        statements: ingestStatements,
        connectMs: 5_000
      })
      connections.push(connection)
      return new BatchCommit(
        connection,
        new TelemetryDays((day) => daysMade.push(day)),
        { ...defaultLimits, ingestRetryMs: 10, ingestAlarmRetryMs: 20, ...limits },
        {
          committed: () => undefined,
          failed: (sqlState, _, isAlarm) => void failures.push([sqlState, isAlarm])
        }
      )
    },
    drop: async () => {
      for (const connection of connections) await Effect.runPromise(connection.close)
      await client.end()
      await database.drop()
    }
  }
}
