import { type BenchOptions, scaled } from "../BenchOptions.ts"
import type { BenchStage, Contestant } from "../BenchStage.ts"
import type { LoadPlan, LoadSample, Pace } from "../load/LoadOperations.ts"
import { cpuSecondsOf, cpuSecondsOfTree } from "../process/CpuUse.ts"

/** One shape of load for one contestant that listens. */
export interface IngestLoad {
  readonly contestant: Contestant
  readonly dialect: LoadPlan["dialect"]
  readonly sockets: number
  readonly framePoints: number
  readonly pace: Pace
}

/** CPU seconds by process, over the measured time. */
export interface CpuShare {
  readonly server: number
  readonly load: number
  readonly postgres: number
  readonly redis: number
}

/** What one run showed. */
export interface IngestResult {
  readonly pointsPerS: number
  readonly cpuS: CpuShare
  /** CPU of all processes for one acknowledged point, microseconds. */
  readonly cpuUsPerPoint: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly rowsPerCommit: number
  readonly cursorsPerCommit: number
  readonly connectS: number
}

/** A run in which the contestant refused, flagged or cut what it should have taken. */
export class UnsoundRun extends Error {
  readonly _tag = "UnsoundRun"
  constructor(contestant: string, surprises: LoadSample["surprises"]) {
    super(`${contestant}: unexpected answers: ${JSON.stringify(surprises)}`)
  }
}

const drainMs = 60_000

const pause = (seconds: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      reject(new Error("interrupted"))
    }
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop)
      resolve()
    }, seconds * 1_000)
    signal.addEventListener("abort", stop, { once: true })
    if (signal.aborted) stop()
  })

/** Which contestants keep rows, and which cursors too: what the gate can hold them to. */
const keeps: Readonly<Record<Contestant, "cursors" | "rows" | "nothing">> = {
  engine: "cursors",
  "ws-json": "rows",
  "socket.io": "rows",
  bare: "nothing"
}

/** Connects, warms up, measures, drains, holds the gate, disconnects. */
export const runIngest = async (stage: BenchStage, options: BenchOptions, load: IngestLoad): Promise<IngestResult> => {
  const server = await stage.server(load.contestant)
  const loader = await stage.load()
  const sockets = scaled(options, load.sockets)
  const drivers = await stage.database.driversOf(sockets)
  await stage.database.reset()
  const identities = drivers.map(({ driverId, token }) => ({
    token: load.contestant === "engine" ? token : driverId,
    deviceId: "bench"
  }))
  const connectFrom = performance.now()
  await loader.ask("open", {
    host: "127.0.0.1",
    port: server.port,
    dialect: load.dialect,
    framePoints: load.framePoints,
    identities
  })
  const connectS = (performance.now() - connectFrom) / 1_000
  await stage.database.analyze()
  const read = async () => {
    const [sample, own] = await Promise.all([
      loader.ask("sample", null),
      server.process.ask("sample", { collect: false })
    ])
    return {
      sample,
      own,
      cpu: {
        server: cpuSecondsOf(server.process.pid),
        load: sample.cpuS,
        postgres: cpuSecondsOfTree(stage.postgresPid),
        redis: cpuSecondsOf(stage.redisPid)
      }
    }
  }
  await loader.ask("begin", load.pace)
  await pause(options.warmUpS, options.signal)
  await loader.ask("measure", null)
  const before = await read()
  await pause(options.seconds, options.signal)
  const after = await read()
  const end = await loader.ask("drain", { timeoutMs: drainMs })
  if (Object.keys(end.surprises).length > 0) throw new UnsoundRun(load.contestant, end.surprises)
  if (keeps[load.contestant] !== "nothing") {
    await stage.database.gate(load.contestant, end.acked, end.sent, keeps[load.contestant] === "cursors")
  }
  await loader.ask("close", null)
  return resultOf(before, after, end, connectS)
}

type Reading = {
  readonly sample: LoadSample
  readonly own: { readonly commits: number; readonly rows: number; readonly cursors: number }
  readonly cpu: CpuShare
}

const resultOf = (before: Reading, after: Reading, end: LoadSample, connectS: number): IngestResult => {
  const points = after.sample.acked - before.sample.acked
  const seconds = (after.sample.atMs - before.sample.atMs) / 1_000
  const cpuS = {
    server: after.cpu.server - before.cpu.server,
    load: after.cpu.load - before.cpu.load,
    postgres: after.cpu.postgres - before.cpu.postgres,
    redis: after.cpu.redis - before.cpu.redis
  }
  const commits = after.own.commits - before.own.commits
  return {
    pointsPerS: points / seconds,
    cpuS,
    cpuUsPerPoint: ((cpuS.server + cpuS.load + cpuS.postgres + cpuS.redis) / points) * 1e6,
    p50Ms: end.latencyMs.p50 ?? Number.NaN,
    p99Ms: end.latencyMs.p99 ?? Number.NaN,
    rowsPerCommit: commits === 0 ? 0 : (after.own.rows - before.own.rows) / commits,
    cursorsPerCommit: commits === 0 ? 0 : (after.own.cursors - before.own.cursors) / commits,
    connectS
  }
}

/** One line of progress for a run. */
export const ingestLine = (name: string, result: IngestResult): string => {
  const perPoint = (share: number): string => ((share / sum(result.cpuS)) * 100).toFixed(0)
  const { cpuS } = result
  return (
    `${name}: ${Math.round(result.pointsPerS)} points/s, ${result.cpuUsPerPoint.toFixed(2)} us CPU a point ` +
    `(server ${perPoint(cpuS.server)} %, postgres ${perPoint(cpuS.postgres)} %, redis ${perPoint(cpuS.redis)} %, load ${perPoint(cpuS.load)} %), ` +
    `${Math.round(result.rowsPerCommit)} rows and ${Math.round(result.cursorsPerCommit)} cursors a commit` +
    (Number.isNaN(result.p99Ms) ? "" : `, ack p50 ${result.p50Ms.toFixed(1)} ms, p99 ${result.p99Ms.toFixed(1)} ms`)
  )
}

const sum = (share: CpuShare): number => share.server + share.load + share.postgres + share.redis
