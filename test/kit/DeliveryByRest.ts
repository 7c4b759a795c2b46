import type { Frame } from "../../src/protocol/FrameCodec.ts"
import { DriverClientFrame, DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { newShipment } from "./PlacedOrder.ts"
import { call, login, newDriver } from "./RestCaller.ts"
import { processAdmin } from "./ServerProcess.ts"
import { until } from "./Until.ts"
import { commandId, helloFrame, WireClient } from "./WireClient.ts"

/** What a TASKS frame says of one task, as far as tests look. */
interface Task {
  readonly assignment_id: string
  readonly fencing_token: number
}

/** An access token lasts a quarter of an hour. */
const signInEveryMs = 600_000

/** Staff of a server that tests start as a process: what they do is done by REST at `url`. */
export class DeliveryByRest {
  readonly url: string
  token: string
  private signedInAt = performance.now()

  private constructor(url: string, token: string) {
    this.url = url
    this.token = token
  }

  /** Signs the administrator in. */
  static async open(url: string): Promise<DeliveryByRest> {
    const { access_token } = await login(url, processAdmin.email, processAdmin.password)
    return new DeliveryByRest(url, access_token)
  }

  /** Signs in anew before the token ends, for trials that take longer. */
  async stay(): Promise<void> {
    if (performance.now() - this.signedInAt < signInEveryMs) return
    this.signedInAt = performance.now()
    this.token = (await login(this.url, processAdmin.email, processAdmin.password)).access_token
  }

  driver(name?: string): Promise<{ readonly id: string; readonly token: string }> {
    return newDriver(this.url, this.token, name)
  }

  order(): Promise<{ readonly orderId: string; readonly shipmentId: string }> {
    return newShipment(this.url, this.token)
  }

  async assign(shipmentId: string, driverId: string): Promise<void> {
    await this.post(`/v1/shipments/${shipmentId}/assign`, { driver_id: driverId })
  }

  /** Offers a shipment to drivers by name. */
  async offer(shipmentId: string, driverIds: ReadonlyArray<string>, ttlS: number): Promise<void> {
    await this.post(`/v1/shipments/${shipmentId}/offer`, { driver_ids: driverIds, ttl_s: ttlS })
  }

  async cancel(shipmentId: string): Promise<void> {
    await this.post(`/v1/shipments/${shipmentId}/cancel`, {})
  }

  /** A tracking token of an order. */
  async link(orderId: string): Promise<string> {
    return (await this.post<{ token: string }>(`/v1/orders/${orderId}/tracking-sessions`, {})).token
  }

  private async post<Body>(path: string, body: unknown): Promise<Body> {
    const answer = await call<Body>(this.url, "POST", path, { token: this.token, body })
    if (answer.status >= 300) throw new Error(`POST ${path} was answered ${answer.status}: ${answer.text}`)
    return answer.body
  }
}

/** A phone on a socket of `url`, welcomed. Its points are a second apart in event time and never ahead of now. */
export class Phone {
  readonly wire: WireClient
  private seq = 0
  private recordedAt = Date.now() - 600_000

  private constructor(wire: WireClient) {
    this.wire = wire
  }

  static async connect(url: string, token: string): Promise<Phone> {
    const wire = await WireClient.open(`${url}/v1/driver`)
    wire.send(helloFrame({ token }))
    await wire.next(DriverServerFrame.welcome)
    return new Phone(wire)
  }

  /** Reports a place, without waiting. */
  report(lat: number, lng: number): void {
    this.seq++
    this.wire.send([DriverClientFrame.point, this.seq, ...this.fields(lat, lng), 80, 0])
  }

  /** Shows a place that is never stored. At most one a second counts. */
  show(lat: number, lng: number): void {
    this.wire.send([DriverClientFrame.beacon, ...this.fields(lat, lng)])
  }

  /** Reports a place and waits for its acknowledgement. */
  async move(lat: number, lng: number): Promise<void> {
    this.report(lat, lng)
    await this.wire.acked(this.seq)
  }

  private fields(lat: number, lng: number): ReadonlyArray<number> {
    this.recordedAt = Math.max(this.recordedAt + 1, Math.min(Date.now(), this.recordedAt + 1_000))
    return [this.recordedAt, Math.round(lat * 1e7), Math.round(lng * 1e7), 500, 9_000, 500]
  }

  duty(duty: "on" | "off" | "break"): void {
    this.wire.send([DriverClientFrame.duty, commandId(), duty, null])
  }

  /** Reports what was done of its one task; each must be taken. */
  async work(...actions: ReadonlyArray<string>): Promise<void> {
    for (const action of actions) {
      const answer = await this.told(await this.taskFrame(action), 30_000)
      if (answer[2] !== true) throw new Error(`${action} was refused: ${JSON.stringify(answer)}`)
    }
  }

  /** The same, and what is to be sent again is sent again under its id, as an app does. */
  async insist(...actions: ReadonlyArray<string>): Promise<void> {
    for (const action of actions) {
      const frame = await this.taskFrame(action)
      await until(
        `${action} to be taken`,
        () => this.told(frame, 30_000),
        (answer) => {
          if (answer[2] === true) return true
          const detail = answer[3] as { readonly retryable?: boolean } | null
          if (detail?.retryable !== true) throw new Error(`${action} was refused: ${JSON.stringify(answer)}`)
          return false
        },
        60_000
      )
    }
  }

  private async taskFrame(action: string): Promise<Frame> {
    const [task] = await until(
      "the driver's task",
      () => (this.wire.of(DriverServerFrame.tasks).at(-1)?.[2] ?? []) as ReadonlyArray<Task>,
      (tasks) => tasks.length === 1,
      30_000
    )
    return [DriverClientFrame.task, commandId(), task?.assignment_id, task?.fencing_token, action, Date.now(), {}]
  }

  /** Sends a command and waits for what it is told this time. */
  private async told(frame: Frame, deadlineMs: number): Promise<Frame> {
    const results = () => this.wire.of(DriverServerFrame.result).filter((result) => result[1] === frame[1])
    const before = results().length
    this.wire.send(frame)
    const answers = await until(`the answer to ${frame[4]}`, results, (all) => all.length > before, deadlineMs)
    return answers.at(-1) ?? []
  }
}
