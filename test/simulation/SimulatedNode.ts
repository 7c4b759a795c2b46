import { Context, Effect, Exit, Layer, Logger, Redacted, Scope } from "effect"
import { SqlError } from "effect/sql"
import { DriverRegistry } from "../../src/actors/drivers/DriverRegistry.ts"
import { Fleet, FleetPresence } from "../../src/actors/fleet/FleetPresence.ts"
import { DriverMessages } from "../../src/actors/messages/DriverMessages.ts"
import { DriverTasks } from "../../src/actors/tasks/DriverTasks.ts"
import { Env } from "../../src/config/Env.ts"
import { Limits } from "../../src/config/Limits.ts"
import type { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { Connection, type Wire } from "../../src/gateway/Connection.ts"
import { DriverEndpoint } from "../../src/gateway/DriverEndpoint.ts"
import { AccessTokens } from "../../src/identity/AccessTokens.ts"
import type { Principal } from "../../src/identity/Principal.ts"
import { Revocations } from "../../src/identity/Revocations.ts"
import { DatabaseUrl } from "../../src/persistence/Database.ts"
import { DriverSessionRepo, SessionReplaced } from "../../src/persistence/drivers/DriverSessionRepo.ts"
import { MarkerCache } from "../../src/persistence/drivers/MarkerCache.ts"
import { IngestConnector } from "../../src/persistence/ingest/IngestConnection.ts"
import { TelemetryWriter } from "../../src/persistence/ingest/TelemetryWriter.ts"
import { DriverCommandRepo } from "../../src/persistence/shipments/DriverCommandRepo.ts"
import { FleetBoard } from "../../src/realtime/FleetBoard.ts"
import { OrderHub } from "../../src/realtime/OrderHub.ts"
import { testEnv } from "../kit/TestEnv.ts"
import { type DatabaseFaults, SimulatedConnection } from "./SimulatedConnection.ts"
import { deviceKey, type SimulatedDatabase } from "./SimulatedDatabase.ts"
import type { VirtualTime } from "./VirtualTime.ts"

/** What every node of a simulated world stands on. */
export interface NodeWorld {
  readonly time: VirtualTime
  readonly database: SimulatedDatabase
  readonly random: SeededRandom
  readonly faults: DatabaseFaults
  readonly limits: Limits
  /** Hears what must never be. */
  readonly violated: (what: string) => void
}

/** A token of the simulation is the driver's id. */
const principalOf = (driverId: string): Principal => ({
  userId: driverId,
  sessionId: driverId,
  roles: new Set(["driver"]),
  driverId,
  issuedAtMs: 0,
  expiresAtMs: Number.POSITIVE_INFINITY
})

const databaseAway = new SqlError.SqlError({
  reason: new SqlError.ConnectionError({ cause: new Error("simulated"), message: "simulated", operation: "query" })
})

const notSimulated = (what: string) => Effect.die(new Error(`${what} is no part of the simulation`))

/** Sessions over the simulated database, with its locks and its outages. */
const sessionsOver = ({ time, database, random }: NodeWorld): DriverSessionRepo["Service"] => ({
  open: ({ driverId, deviceId, attempt }) =>
    Effect.callback((resume) => {
      if (database.isAway) return resume(Effect.fail(databaseAway))
      const lost = (): void => resume(Effect.fail(databaseAway))
      const forget = (): void => void database.connections.delete(lost)
      database.connections.add(lost)
      const { deviceNo } = database.cursorOf(driverId, deviceId)
      database.transact(
        [deviceKey(driverId, deviceNo)],
        random.between(1, 10),
        () => database.openSession(driverId, deviceId, attempt),
        (session) => {
          forget()
          resume(
            session === undefined ? Effect.fail(new SessionReplaced({ driverId, deviceId })) : Effect.succeed(session)
          )
        }
      )
      return Effect.sync(forget)
    }),
  end: () => Effect.void,
  touch: () => Effect.void,
  endLeftOver: () => Effect.void,
  watchReplaced: (replaced) =>
    Effect.callback((_) => {
      // A notice takes its time, and comes to a node that has crashed meanwhile as little as in life.
      let isOn = true
      const tell = (sessionId: string): void =>
        void time.after(random.between(1, 30), () => isOn && !database.isAway && replaced(sessionId))
      database.replacedListeners.add(tell)
      return Effect.sync(() => {
        isOn = false
        database.replacedListeners.delete(tell)
      })
    })
})

const surroundings = (world: NodeWorld, name: string) =>
  Layer.mergeAll(
    Layer.succeed(Limits, world.limits),
    Layer.succeed(Env, { ...testEnv, nodeName: name }),
    Layer.succeed(DatabaseUrl, Redacted.make("")),
    Layer.succeed(
      IngestConnector,
      () => new SimulatedConnection(world.database, world.time, world.random, world.faults)
    ),
    Layer.succeed(DriverSessionRepo, sessionsOver(world)),
    Layer.succeed(DriverCommandRepo, { decideDuty: () => notSimulated("duty") }),
    Layer.succeed(AccessTokens, {
      issue: () => notSimulated("issuing tokens"),
      verify: (token) => Effect.succeed(principalOf(token))
    }),
    Layer.succeed(Revocations, { isRevoked: () => false, subscribe: () => () => undefined, isListening: () => true }),
    Layer.succeed(DriverTasks, {
      prepare: () => Effect.succeed({ version: 0, tasks: [], breaks: [], offers: { open: [], ended: new Map() } }),
      settle: () => false,
      introduce: () => undefined,
      refresh: () => undefined,
      take: () => undefined,
      reply: () => undefined
    }),
    Layer.succeed(DriverMessages, { welcome: () => undefined }),
    Layer.succeed(MarkerCache, { put: () => undefined }),
    Layer.succeed(Fleet, new FleetPresence(new FleetBoard(name))),
    Layer.succeed(OrderHub, {
      subscribe: () => notSimulated("tracking"),
      unsubscribe: () => undefined,
      watches: () => false,
      moved: () => undefined,
      estimates: () => [],
      drain: () => undefined
    }),
    Logger.layer([
      Logger.make(({ message }) => {
        if (String(message).includes("ingest_lane_restarted")) world.violated(`a defect in a lane: ${String(message)}`)
      })
    ])
  )

const engine = DriverEndpoint.layer.pipe(
  Layer.provideMerge(DriverRegistry.layer),
  Layer.provideMerge(TelemetryWriter.layer)
)

type EngineServices = DriverEndpoint | DriverRegistry | TelemetryWriter

/**
 * One node of the product from its socket to its writer, with nothing replaced in between: endpoint, admission, registry, intake, lanes
 * and commits are those of the server; around them stand the simulated database, network and time.
 */
export class SimulatedNode {
  readonly name: string
  isUp = false
  private readonly world: NodeWorld
  private services: Context.Context<EngineServices> | undefined
  private scope: Scope.Closeable | undefined
  private readonly connections = new Set<Connection>()
  /** Where each driver was seen last, to be held against where it is seen next. */
  private readonly places = new Map<string, number>()

  constructor(name: string, world: NodeWorld) {
    this.name = name
    this.world = world
  }

  async start(): Promise<void> {
    const { time } = this.world
    const scope = await time.run(Scope.make())
    const around = await time.run(Scope.provide(Layer.build(Layer.fresh(surroundings(this.world, this.name))), scope))
    const build = Effect.provideContext(Layer.build(Layer.fresh(engine)), Context.merge(time.context, around))
    this.services = await time.run(Scope.provide(build, scope))
    this.scope = scope
    this.isUp = true
    this.tick()
  }

  /** Ends at once: nothing is drained, no socket hears of it here. */
  async crash(): Promise<void> {
    const { scope } = this
    this.isUp = false
    this.scope = undefined
    this.services = undefined
    this.places.clear()
    for (const connection of this.connections) connection.detach()
    this.connections.clear()
    if (scope !== undefined) await this.world.time.run(Scope.close(scope, Exit.void))
  }

  /** Takes a connection that a phone made. */
  accept(wire: Wire): Connection {
    const { endpoint } = this.service(DriverEndpoint)
    const connection = new Connection({
      node: { limits: this.world.limits, closing: () => undefined },
      address: this.name,
      isJson: false,
      headerPrincipal: undefined,
      headerToken: undefined,
      now: this.now
    })
    connection.behaviour = endpoint.open(connection)
    connection.attach(wire)
    this.connections.add(connection)
    return connection
  }

  received(connection: Connection, bytes: Uint8Array): void {
    if (this.connections.has(connection)) connection.behaviour?.received(bytes, this.now)
  }

  /** The connection is gone, and this node knows. */
  ended(connection: Connection, code: number): void {
    if (!this.connections.delete(connection)) return
    connection.detach()
    connection.behaviour?.closed(code)
  }

  get buffered(): number {
    return this.services === undefined ? 0 : this.service(TelemetryWriter).buffered()
  }

  /** What must hold whenever nothing is being worked on: bounds of the buffers, and places that never go back. */
  broken(): string | undefined {
    if (this.services === undefined) return undefined
    const { bufferedPointsMax, windowPoints } = this.world.limits
    const writer = this.service(TelemetryWriter)
    if (writer.buffered() < 0 || writer.buffered() > bufferedPointsMax)
      return `${this.name} buffers ${writer.buffered()} points`
    for (const driver of this.service(DriverRegistry).drivers()) {
      if (driver.markerRecordedAt < (this.places.get(driver.driverId) ?? Number.NEGATIVE_INFINITY))
        return `the live place of ${driver.driverId} goes back`
      this.places.set(driver.driverId, driver.markerRecordedAt)
      for (const { ingest } of driver.devices) {
        if (ingest.acceptedSeq - ingest.committedSeq > windowPoints)
          return `${ingest.acceptedSeq - ingest.committedSeq} points of one device are unacknowledged`
      }
    }
    return undefined
  }

  private get now(): number {
    return Math.floor(this.world.time.nowMs)
  }

  private service<I extends EngineServices, S>(key: Context.Key<I, S>): S {
    if (this.services === undefined) throw new Error(`${this.name} is down`)
    return Context.get(this.services, key)
  }

  /** What the realtime server does with its sockets every `socketTickMs`. */
  private tick(): void {
    const { services, world } = this
    world.time.after(world.limits.socketTickMs, () => {
      if (services !== this.services) return
      for (const connection of this.connections) connection.tick(this.now)
      this.tick()
    })
  }
}
