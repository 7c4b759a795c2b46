import { DriverClient } from "../../src/client/DriverClient.ts"
import { RestClient } from "../../src/client/RestClient.ts"
import { processAdmin, type ServerProcess } from "./ServerProcess.ts"

const middle = { lat: 52.52, lng: 13.405 }
const reportEveryMs = 500
/** Each driver goes round on a circle of its own, degrees. */
const radius = 0.004
const stepRad = 0.05

/** Drivers with names, on duty and on the road until they are stopped. */
export class DrivingFleet {
  readonly ids: ReadonlyArray<string>
  readonly clients: ReadonlyArray<DriverClient>
  private readonly timer: ReturnType<typeof setInterval>
  private steps = 0

  private constructor(ids: ReadonlyArray<string>, clients: ReadonlyArray<DriverClient>) {
    this.ids = ids
    this.clients = clients
    this.timer = setInterval(() => this.step(), reportEveryMs)
    this.step()
  }

  static async start(server: ServerProcess, names: ReadonlyArray<string>): Promise<DrivingFleet> {
    const rest = new RestClient({ url: server.url })
    await rest.signIn(processAdmin.email, processAdmin.password)
    const drivers = await Promise.all(
      names.map((name, i) =>
        rest.createDriver({ email: `driver-${i}@test.example`, name, vehicle: { type: "van", plate: `W-${i}` } })
      )
    )
    const ids = drivers.map(({ id }) => id)
    const tokens = await rest.provisionTokens(ids)
    const clients = tokens.map(
      ({ access_token }) =>
        new DriverClient({
          url: server.driverUrl("http"),
          token: () => Promise.resolve(access_token),
          holdMsMax: 0,
          // A server that took long to start again finds its phones at the door, not half a minute away.
          backoff: { floorMs: 100, baseMs: 200, capMs: 2_000 }
        })
    )
    await Promise.all(clients.map((client) => client.start()))
    for (const client of clients) client.duty("on").catch(() => undefined) // a fleet that is stopped early has nobody to tell
    return new DrivingFleet(ids, clients)
  }

  private step(): void {
    this.steps++
    this.clients.forEach((client, i) => {
      const angle = this.steps * stepRad + i
      client.report({
        recordedAt: Date.now(),
        lat: middle.lat + Math.sin(angle) * radius + (i % 5) * 0.003,
        lng: middle.lng + Math.cos(angle) * radius * 1.6 + Math.floor(i / 5) * 0.004,
        speedMps: 9,
        headingDeg: 90,
        accuracyM: 5,
        battery: 80
      })
    })
  }

  async stop(): Promise<void> {
    clearInterval(this.timer)
    await Promise.all(this.clients.map((client) => client.stop()))
  }
}
