import { Context, Effect, Layer } from "effect"
import type { NoticeListener } from "../persistence/Notices.ts"
import { TrackingRepo } from "../persistence/tracking/TrackingRepo.ts"

/** The doorbell of orders on this node: one connection to PostgreSQL for all who listen. */
export class OrderBell extends Context.Service<
  OrderBell,
  {
    /** Hears of each order with new events, on any node, for as long as the node lives. Calls `caughtUp` now if others listen already. */
    readonly listen: (listener: NoticeListener) => void
  }
>()("dropmate/realtime/OrderBell") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const repo = yield* TrackingRepo
      const listeners: Array<NoticeListener> = []
      let hasBegun = false
      yield* repo
        .watchOrders({
          caughtUp: () => {
            hasBegun = true
            for (const listener of listeners) listener.caughtUp()
          },
          noticed: (orderId) => {
            for (const listener of listeners) listener.noticed(orderId)
          },
          alive: () => {
            for (const listener of listeners) listener.alive?.()
          }
        })
        .pipe(Effect.forkScoped)
      return {
        listen: (listener) => {
          listeners.push(listener)
          if (hasBegun) listener.caughtUp()
        }
      }
    })
  )
}
