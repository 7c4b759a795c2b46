import { Clock, Context, Effect, Layer } from "effect"
import { Limits } from "../config/Limits.ts"
import { httpMetrics } from "./ops/HttpMetrics.ts"
import { Problem } from "./Problem.ts"
import { type CountedQuota, CurrentRequest } from "./RequestFacts.ts"

/**
 * Counts requests by the generic cell rate algorithm (GCRA, ITU-T I.371): one number for each key, a burst of a whole minute's
 * quota, then one request each `60 s / quota`. Kept in memory, for each node its own.
 */
export class RateLimits extends Context.Service<
  RateLimits,
  {
    /** Counts one request of a key; fails with 429 and the time to wait when the quota is used up. */
    readonly count: (quota: CountedQuota["name"], key: string) => Effect.Effect<void, Problem>
  }
>()("dropmate/http/RateLimits") {
  static readonly layer = Layer.effect(
    RateLimits,
    Effect.gen(function* () {
      const limits = yield* Limits
      const perMinute: Readonly<Record<CountedQuota["name"], number>> = {
        address: limits.requestsPerAddressPerMinute,
        principal: limits.requestsPerPrincipalPerMinute,
        login_address: limits.loginAttemptsPerAddressPerMinute,
        login_account: limits.loginAttemptsPerAccountPerMinute,
        orders: limits.ordersPerCustomerPerMinute
      }
      const meters = {
        address: new RateMeter(limits.rateKeysMax),
        principal: new RateMeter(limits.rateKeysMax),
        login_address: new RateMeter(limits.rateKeysMax),
        login_account: new RateMeter(limits.rateKeysMax),
        orders: new RateMeter(limits.rateKeysMax)
      }
      const count = Effect.fnUntraced(function* (name: CountedQuota["name"], key: string) {
        const taken = meters[name].take(key, perMinute[name], yield* Clock.currentTimeMillis)
        const quota = { name, perMinute: perMinute[name], remaining: taken.remaining, resetS: taken.resetS }
        // The tightest quota is the one a client needs to see.
        const request = yield* CurrentRequest
        if (request.quota === undefined || quota.remaining < request.quota.remaining) request.quota = quota
        if (taken.waitMs === 0) return
        yield* httpMetrics.requestsRefused(name)
        return yield* new Problem({ code: "rate_limited", retryAfterS: Math.ceil(taken.waitMs / 1000) })
      })
      return RateLimits.of({ count })
    })
  )
}

const minuteMs = 60_000

/** The GCRA over a bounded set of keys. Not a service: one for each quota. */
export class RateMeter {
  /** Key to the theoretical arrival time of its next request, in the order of first use. */
  private readonly arrivals = new Map<string, number>()
  private readonly keysMax: number

  constructor(keysMax: number) {
    this.keysMax = keysMax
  }

  /** Counts a request. `waitMs` 0 means it is granted. */
  take(
    key: string,
    perMinute: number,
    nowMs: number
  ): { readonly waitMs: number; readonly remaining: number; readonly resetS: number } {
    const spacingMs = minuteMs / perMinute
    const arrival = Math.max(this.arrivals.get(key) ?? 0, nowMs)
    const backlogMs = arrival + spacingMs - nowMs
    if (backlogMs > minuteMs) {
      return { waitMs: Math.ceil(backlogMs - minuteMs), remaining: 0, resetS: Math.ceil((arrival - nowMs) / 1000) }
    }
    this.arrivals.delete(key)
    this.makeRoom(nowMs)
    this.arrivals.set(key, arrival + spacingMs)
    return {
      waitMs: 0,
      remaining: Math.floor((minuteMs - backlogMs) / spacingMs + 1e-9),
      resetS: Math.ceil(backlogMs / 1000)
    }
  }

  // A key is forgotten when its backlog is gone, or, when all are busy, the one that was quiet longest.
  private makeRoom(nowMs: number): void {
    for (const [key, arrival] of this.arrivals) {
      if (arrival > nowMs && this.arrivals.size < this.keysMax) return
      this.arrivals.delete(key)
    }
  }
}
