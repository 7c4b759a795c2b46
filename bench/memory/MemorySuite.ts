import { type BenchOptions, scaled } from "../BenchOptions.ts"
import type { BenchStage, Contestant } from "../BenchStage.ts"
import { type Figure, figure } from "../Figure.ts"
import type { LoadPlan } from "../load/LoadOperations.ts"
import { BenchProcess } from "../process/BenchProcess.ts"
import { isWanted, type Suite } from "../Suite.ts"
import type { ActorOperations } from "./ActorOperations.ts"

/** Sockets that are open before the first reading (code compiled, pools grown) and at the second. */
const socketsBefore = 2_000
const socketsAfter = 10_000
const reconnects = 1_000

const collecting = ["--expose-gc"]
const mebibyte = 1_048_576

const residentBytes = async (stage: BenchStage, contestant: Contestant): Promise<number> => {
  const { process } = await stage.server(contestant, collecting)
  return (await process.ask("sample", { collect: true })).residentBytes
}

const connect = async (stage: BenchStage, contestant: Contestant, sockets: number): Promise<void> => {
  const { port } = await stage.server(contestant, collecting)
  const drivers = await stage.database.driversOf(sockets)
  const dialect: LoadPlan["dialect"] = contestant === "engine" ? "messagepack" : "socket.io"
  const identities = drivers.map(({ driverId, token }) => ({
    token: contestant === "engine" ? token : driverId,
    deviceId: "bench"
  }))
  await (await stage.load()).ask("open", { host: "127.0.0.1", port, dialect, framePoints: 1, identities })
}

/** RSS a socket, from the difference of two counts: what a process weighs without any is in neither. */
const socketBytes = async (stage: BenchStage, options: BenchOptions, contestant: Contestant): Promise<number> => {
  // A process that earlier suites have fattened would hide the growth in memory it already has.
  await stage.end(contestant)
  await stage.database.reset()
  const [few, many] = [scaled(options, socketsBefore), scaled(options, socketsAfter)]
  await connect(stage, contestant, few)
  const before = await residentBytes(stage, contestant)
  await connect(stage, contestant, many)
  const after = await residentBytes(stage, contestant)
  await (await stage.load()).ask("close", null)
  const bytes = (after - before) / (many - few)
  options.tell(`${contestant}: ${Math.round(bytes)} bytes RSS a socket (${few} to ${many})`)
  return bytes
}

const sockets = async (stage: BenchStage, options: BenchOptions): Promise<ReadonlyArray<Figure>> => {
  const ours: Array<number> = []
  const theirs: Array<number> = []
  for (let run = 0; run < options.runs; run++) {
    ours.push(await socketBytes(stage, options, "engine"))
    theirs.push(await socketBytes(stage, options, "socket.io"))
  }
  await stage.end("socket.io")
  const context = { socketsBefore: scaled(options, socketsBefore), socketsAfter: scaled(options, socketsAfter) }
  return [
    figure({
      id: "B12",
      what: "RSS an idle socket with its actor",
      unit: "bytes",
      runs: ours,
      target: { most: 3_000, beyond: 2_100 },
      context
    }),
    figure({
      id: "B12/socket.io",
      what: "RSS an idle socket, Socket.IO ÷ ours",
      unit: "ratio",
      runs: ours.map((bytes, i) => (theirs[i] as number) / bytes),
      target: { least: 4.5, beyond: 6.5 },
      context
    })
  ]
}

/** Sockets that come and go: what stays of them is a leak. */
const reconnecting = async (stage: BenchStage, options: BenchOptions): Promise<ReadonlyArray<Figure>> => {
  const count = scaled(options, reconnects)
  await stage.end("engine")
  await stage.database.reset()
  await connect(stage, "engine", count)
  const before = await residentBytes(stage, "engine")
  // `open` ends the sockets of the load before it.
  for (let round = 0; round < 3; round++) await connect(stage, "engine", count)
  const grown = ((await residentBytes(stage, "engine")) - before) / mebibyte
  await (await stage.load()).ask("close", null)
  options.tell(`engine: ${grown.toFixed(1)} MiB more after ${count * 3} reconnects`)
  return [
    figure({
      id: "rss.reconnect",
      what: `RSS growth over ${count * 3} reconnects`,
      unit: "MiB",
      runs: [grown],
      context: { sockets: count }
    })
  ]
}

const actorsResident = 1_000_000
const actorsConnected = 200_000

const weighActors = async (actors: number, connected: boolean): Promise<number> => {
  const process = await BenchProcess.start<ActorOperations>("actors", new URL("./ActorsProcess.ts", import.meta.url), {
    nodeArgs: [...collecting, "--max-old-space-size=8192"]
  })
  try {
    return await process.ask("bytesPerActor", { actors, connected })
  } finally {
    await process.stop()
  }
}

const actors = async (options: BenchOptions): Promise<ReadonlyArray<Figure>> => {
  const resident = scaled(options, actorsResident)
  const connected = scaled(options, actorsConnected)
  // The heap of a fresh process is the same each time: one run tells it.
  const bytes = await weighActors(resident, false)
  const connectedBytes = await weighActors(connected, true)
  return [
    figure({
      id: "B13",
      what: "bytes a resident actor: object, id and registry entry",
      unit: "bytes",
      runs: [bytes],
      target: { most: 400, beyond: 260 },
      context: { actors: resident }
    }),
    figure({
      id: "B13.connected",
      what: "the same with a connected device's intake and its session entry",
      unit: "bytes",
      runs: [connectedBytes],
      context: { actors: connected }
    })
  ]
}

/** Memory of sockets and actors (promises B12, B13). */
export const memorySuite: Suite = {
  what: "memory of idle sockets, of actors, and after reconnects (B12, B13)",
  scenarios: ["sockets", "actors", "reconnect"],
  run: async (open, options) => [
    ...(isWanted(options, "actors") ? await actors(options) : []),
    ...(isWanted(options, "sockets") ? await sockets(await open(), options) : []),
    ...(isWanted(options, "reconnect") ? await reconnecting(await open(), options) : [])
  ]
}
