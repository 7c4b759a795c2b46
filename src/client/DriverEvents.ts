/** Why a client will not connect again by itself. */
export type StopReason =
  | { readonly kind: "requested" }
  /** The token provider has no token any more. */
  | { readonly kind: "signed_out" }
  /** A close code from 4500 on (`src/protocol/CloseCode.ts`). */
  | { readonly kind: "closed"; readonly code: number; readonly reason: string }

/**
 * `idle` not started; `connecting` opening a socket or awaiting WELCOME; `live` welcomed; `waiting` lost, will come back by
 * itself; `offline` told to stay away by `offline()`; `stopped` for good.
 */
export type DriverState = "idle" | "connecting" | "live" | "waiting" | "offline" | "stopped"

export interface CommandResult {
  readonly commandId: string
  readonly ok: boolean
  readonly detail: Readonly<Record<string, unknown>> | undefined
}

/** An OFFER: the shipment is offered to this driver until `expiresAt` (Unix milliseconds). */
export interface Offer {
  readonly offerId: string
  readonly assignmentId: string
  readonly shipment: Readonly<Record<string, unknown>>
  readonly fencingToken: number
  readonly expiresAt: number
}

/** How an offer ended, as OFFER_GONE says it; a newer server may know more. */
export type OfferEnd = "accepted" | "declined" | "taken" | "withdrawn" | "expired"

/** Everything an app may want to show, by name. */
export interface DriverEvents {
  readonly state: { readonly state: DriverState; readonly stop: StopReason | undefined }
  readonly acked: { readonly seq: number; readonly pending: number }
  /** A point was settled without being stored. */
  readonly flagged: { readonly seq: number; readonly code: string }
  readonly refused: { readonly expectedSeq: number; readonly code: string; readonly retryAfterMs: number }
  readonly result: CommandResult
  /** A new offer; told once, however often the server repeats it. */
  readonly offer: Offer
  /** An offer that was told is over: `reason` is an `OfferEnd`, or what a newer server says. */
  readonly offerGone: { readonly offerId: string; readonly reason: string }
  readonly tasks: {
    readonly version: number
    readonly tasks: ReadonlyArray<unknown>
    /** Breaks to come of the runs that the tasks are in. */
    readonly breaks: ReadonlyArray<unknown>
  }
  readonly message: { readonly threadId: string; readonly message: Readonly<Record<string, unknown>> }
  /** The connection was lost; it comes back after `retryInMs`. */
  readonly lost: { readonly code: number; readonly reason: string; readonly retryInMs: number }
  /** The token provider failed; it is asked again when the client comes back. */
  readonly tokenFailed: { readonly cause: unknown }
  /** The queue was restored from a backup, or the server lost the device: points go on under this new id. */
  readonly newDevice: { readonly deviceId: string }
}

type Listener<K extends keyof DriverEvents> = (event: DriverEvents[K]) => void

/** Listeners by event name. */
export class DriverListeners {
  private readonly byName = new Map<keyof DriverEvents, Set<(event: never) => void>>()

  /** Returns the function that takes the listener off again. */
  on<K extends keyof DriverEvents>(name: K, listener: Listener<K>): () => void {
    const listeners = this.byName.get(name) ?? new Set()
    this.byName.set(name, listeners)
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
    }
  }

  /** Whether telling `name` would reach anyone; lets the hot path skip making the event. */
  hears(name: keyof DriverEvents): boolean {
    return (this.byName.get(name)?.size ?? 0) > 0
  }

  tell<K extends keyof DriverEvents>(name: K, event: DriverEvents[K]): void {
    const listeners = this.byName.get(name)
    if (listeners === undefined) return
    for (const listener of [...listeners]) (listener as Listener<K>)(event)
  }
}
