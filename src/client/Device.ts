import type { Frame } from "../protocol/FrameCodec.ts"
import { DriverClientFrame, protocolVersion } from "../protocol/FrameType.ts"
import type { DriverClientOptions } from "./DriverClientOptions.ts"
import type { StoredDriver, StoreEntry } from "./DriverStore.ts"

/** Who the app is to the server: an id with a sequence of its own, and how often it has said HELLO. */
export class Device {
  private readonly options: DriverClientOptions
  private readonly newId: () => string
  private id: string
  private attempt = 0

  constructor(options: DriverClientOptions, newId: () => string) {
    this.options = options
    this.newId = newId
    this.id = newId()
  }

  get deviceId(): string {
    return this.id
  }

  /** What the store has to remember. */
  get entry(): StoreEntry {
    return { kind: "device", deviceId: this.id, attempt: this.attempt }
  }

  /** Goes on as the device that an earlier process was. */
  resume({ deviceId, attempt }: Pick<StoredDriver, "deviceId" | "attempt">): void {
    this.id = deviceId
    this.attempt = attempt
  }

  /** Becomes another device. */
  renew(): void {
    this.id = this.newId()
    this.attempt = 0
  }

  /** HELLO of the next attempt; `attempt` tells the server which of two connections is the newer. */
  hello(token: string): Frame {
    this.attempt++
    const { platform = "other", appVersion = "0", capabilities = null } = this.options
    return [DriverClientFrame.hello, protocolVersion, token, this.id, platform, appVersion, capabilities, this.attempt]
  }
}
