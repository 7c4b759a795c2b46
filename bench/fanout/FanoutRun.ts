import { Redis } from "ioredis"
import type { BenchOptions } from "../BenchOptions.ts"
import type { BenchStage } from "../BenchStage.ts"
import { cpuSecondsOf } from "../process/CpuUse.ts"
import type {
  Carrier,
  FanoutServerOperations,
  SourcePace,
  SourcePlan,
  Watch,
  WatchersOperations,
  WatchersPlan,
  WatchersSample
} from "./FanoutOperations.ts"
import { natsCommand, startNats } from "./NatsServer.ts"

/** Who watches what, and what moves. */
export interface FanoutShape {
  readonly watches: ReadonlyArray<Watch>
  readonly source: SourcePlan
  readonly pace: SourcePace
  /** How often the hub looks for views that are due. */
  readonly tickMs: number
  /** A live map may skip a place that a newer one has replaced; then not every delivery that was due is made. */
  readonly isConflated: boolean
}

export interface FanoutResult {
  readonly deliveriesPerS: number
  readonly framesPerS: number
  readonly bytesPerDelivery: number
  /** CPU of the server for one logical delivery, microseconds. */
  readonly serverUs: number
  /** Share of one core. */
  readonly serverCpuPct: number
  readonly watchersCpuPct: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly roundP99Ms: number
  readonly deliveredPct: number
}

/** A contestant cut somebody off, or did not deliver what was due. */
export class UnsoundFanout extends Error {
  readonly _tag = "UnsoundFanout"
  constructor(carrier: Carrier, reason: string) {
    super(`${carrier}: ${reason}`)
  }
}

const files = {
  hub: new URL("./HubProcess.ts", import.meta.url),
  publish: new URL("./PublishProcess.ts", import.meta.url),
  rooms: new URL("./RoomsProcess.ts", import.meta.url)
} as const

const drainMs = 30_000

/** Resolves after so many seconds; rejects when the signal aborts. */
export const pause = (seconds: number, signal: AbortSignal): Promise<void> =>
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

interface Contestant {
  readonly host: string
  readonly port: number
  readonly password: string
  readonly pid: number
  readonly end: () => Promise<void>
}

/** More than the watchers of any shape; Redis as it comes stops at 10,000. */
const redisClients = 12_000

const admitClients = async (redisUrl: string): Promise<void> => {
  const client = new Redis(redisUrl)
  await client.config("SET", "maxclients", redisClients)
  client.disconnect()
}

/** A fresh process for each run: no contestant inherits another shape's channels. Redis is the stage's. */
const contestantOf = async (
  stage: BenchStage,
  options: BenchOptions,
  carrier: Carrier,
  tickMs: number
): Promise<Contestant> => {
  if (carrier === "redis") {
    await admitClients(stage.plan.redisUrl)
    const { hostname, port, password } = new URL(stage.plan.redisUrl)
    return { host: hostname, port: Number(port), password, pid: stage.redisPid, end: async () => {} }
  }
  if (carrier === "nats") {
    const path = natsCommand()
    if (path === undefined) throw new UnsoundFanout(carrier, "no nats-server on PATH")
    const { port, pid, stop } = await startNats(path)
    return { host: "127.0.0.1", port, password: "", pid, end: stop }
  }
  await stage.end(carrier)
  const profile =
    carrier === "hub" && options.profileDir !== undefined ? ["--cpu-prof", `--cpu-prof-dir=${options.profileDir}`] : []
  const server = await stage.process<FanoutServerOperations>(carrier, files[carrier], profile)
  const port = await server.ask("listen", { tickMs })
  return { host: "127.0.0.1", port, password: "", pid: server.pid, end: () => stage.end(carrier) }
}

/** Connects, warms up, measures, waits for what is under way, disconnects. */
export const runFanout = async (
  stage: BenchStage,
  options: BenchOptions,
  carrier: Carrier,
  shape: FanoutShape
): Promise<FanoutResult> => {
  const { pid, end: endContestant, ...server } = await contestantOf(stage, options, carrier, shape.tickMs)
  try {
    return await measure(stage, options, carrier, shape, pid, server)
  } finally {
    await endContestant()
  }
}

const measure = async (
  stage: BenchStage,
  options: BenchOptions,
  carrier: Carrier,
  shape: FanoutShape,
  pid: number,
  server: Pick<WatchersPlan, "host" | "port" | "password">
): Promise<FanoutResult> => {
  const watchers = await stage.process<WatchersOperations>("watchers", new URL("./WatchersProcess.ts", import.meta.url))
  await watchers.ask("open", { carrier, ...server, watches: shape.watches, source: shape.source })
  const read = async () => ({ sample: await watchers.ask("sample", null), serverCpuS: cpuSecondsOf(pid) })
  await watchers.ask("begin", shape.pace)
  await pause(options.warmUpS, options.signal)
  await watchers.ask("measure", null)
  const before = await read()
  await pause(options.seconds, options.signal)
  const after = await read()
  const end = await watchers.ask("drain", { timeoutMs: shape.isConflated ? 500 : drainMs })
  await watchers.ask("close", null)
  if (Object.keys(end.surprises).length > 0) throw new UnsoundFanout(carrier, JSON.stringify(end.surprises))
  if (!shape.isConflated && end.delivered !== end.due) {
    throw new UnsoundFanout(carrier, `${end.delivered} of ${end.due} deliveries were made`)
  }
  return resultOf(before, after, end)
}

interface Reading {
  readonly sample: WatchersSample
  readonly serverCpuS: number
}

const resultOf = (before: Reading, after: Reading, end: WatchersSample): FanoutResult => {
  const seconds = (after.sample.atMs - before.sample.atMs) / 1_000
  const deliveries = after.sample.delivered - before.sample.delivered
  const serverCpuS = after.serverCpuS - before.serverCpuS
  return {
    deliveriesPerS: deliveries / seconds,
    framesPerS: (after.sample.frames - before.sample.frames) / seconds,
    bytesPerDelivery: (after.sample.bytes - before.sample.bytes) / deliveries,
    serverUs: (serverCpuS / deliveries) * 1e6,
    serverCpuPct: (serverCpuS / seconds) * 100,
    watchersCpuPct: ((after.sample.cpuS - before.sample.cpuS) / seconds) * 100,
    p50Ms: end.latencyMs.p50 ?? Number.NaN,
    p99Ms: end.latencyMs.p99 ?? Number.NaN,
    roundP99Ms: end.roundMs.p99 ?? Number.NaN,
    deliveredPct: (end.delivered / end.due) * 100
  }
}

/** One line of progress for a run. */
export const fanoutLine = (name: string, result: FanoutResult): string =>
  `${name}: ${Math.round(result.deliveriesPerS)} deliveries/s in ${Math.round(result.framesPerS)} frames/s, ` +
  `${result.serverUs.toFixed(2)} us CPU of the server and ${result.bytesPerDelivery.toFixed(1)} bytes each, ` +
  `server ${result.serverCpuPct.toFixed(0)} % and watchers ${result.watchersCpuPct.toFixed(0)} % of a core, ` +
  `p50 ${result.p50Ms.toFixed(1)} ms, p99 ${result.p99Ms.toFixed(1)} ms, ${result.deliveredPct.toFixed(1)} % delivered`
