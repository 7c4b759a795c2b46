import type { OrderChannel } from "./OrderChannel.ts"

/** Channels by the driver whose place they tell. */
export class ChannelsByDriver {
  private readonly byDriver = new Map<string, Set<OrderChannel>>()

  of(driverId: string): ReadonlySet<OrderChannel> | undefined {
    return this.byDriver.get(driverId)
  }

  /** The channel's driver, who was `before`, may be another one now. */
  follow(channel: OrderChannel, before: string | undefined): void {
    const after = channel.driverId
    if (before === after) return
    if (before !== undefined) this.forget(before, channel)
    if (after === undefined) return
    const channels = this.byDriver.get(after) ?? new Set()
    channels.add(channel)
    this.byDriver.set(after, channels)
  }

  forget(driverId: string, channel: OrderChannel): void {
    const channels = this.byDriver.get(driverId)
    channels?.delete(channel)
    if (channels?.size === 0) this.byDriver.delete(driverId)
  }
}
