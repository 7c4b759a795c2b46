import type { WireFix } from "./Fix.ts"

/** A command that is sent until the server has answered it. Scope of `commandId`: the driver. */
export interface DriverCommand {
  readonly commandId: string
  /** The frame as sent (02-protocol, section 2: DUTY, OFFER_REPLY, TASK). */
  readonly frame: ReadonlyArray<unknown>
}

/** One change of what a driver app must not forget. Folding all of them gives `StoredDriver`. */
export type StoreEntry =
  | { readonly kind: "device"; readonly deviceId: string; readonly attempt: number }
  | { readonly kind: "point"; readonly fix: WireFix }
  /** Every point up to `ackedSeq` is settled; `recordedAt` is that point's time, when it is known. */
  | { readonly kind: "acked"; readonly ackedSeq: number; readonly recordedAt: number | null }
  /** The oldest point now has the number `ackedSeq + 1`. */
  | { readonly kind: "renumbered"; readonly ackedSeq: number; readonly recordedAt: number | null }
  | { readonly kind: "command"; readonly command: DriverCommand }
  | { readonly kind: "settled"; readonly commandId: string }

/** What a driver app remembers between two starts. */
export interface StoredDriver {
  readonly deviceId: string
  /** Rises with every HELLO of the device. */
  readonly attempt: number
  readonly ackedSeq: number
  /** `recordedAt` of the point `ackedSeq`, when it is known. */
  readonly ackedRecordedAt: number | null
  /** Not acknowledged yet, oldest first; the first has the number `ackedSeq + 1`. */
  readonly points: ReadonlyArray<WireFix>
  readonly commands: ReadonlyArray<DriverCommand>
}

/**
 * Where a driver app keeps its points between two starts. Without one they live in memory. It must not survive the restore of
 * a phone's backup (02-protocol, section 2); the client notices when it did and takes a new deviceId.
 */
export interface DriverStore {
  /** What the entries so far amount to; undefined when there are none. */
  readonly load: () => StoredDriver | undefined | Promise<StoredDriver | undefined>
  /** Keeps one change, in order. A point is sent only after this returned. */
  readonly record: (entry: StoreEntry) => void
  readonly close: () => void | Promise<void>
}

/** Folds entries into what they amount to; undefined when they name no device. */
export const foldEntries = (entries: Iterable<StoreEntry>): StoredDriver | undefined => {
  let deviceId: string | undefined
  let attempt = 0
  let ackedSeq = 0
  let ackedRecordedAt: number | null = null
  const points: Array<WireFix> = []
  let head = 0
  const commands = new Map<string, DriverCommand>()
  for (const entry of entries) {
    switch (entry.kind) {
      case "device":
        deviceId = entry.deviceId
        attempt = entry.attempt
        break
      case "point":
        points.push(entry.fix)
        break
      case "acked":
        head = Math.min(points.length, head + Math.max(0, entry.ackedSeq - ackedSeq))
        ackedSeq = entry.ackedSeq
        ackedRecordedAt = entry.recordedAt
        break
      case "renumbered":
        ackedSeq = entry.ackedSeq
        ackedRecordedAt = entry.recordedAt
        break
      case "command":
        commands.set(entry.command.commandId, entry.command)
        break
      case "settled":
        commands.delete(entry.commandId)
        break
    }
  }
  if (deviceId === undefined) return undefined
  return { deviceId, attempt, ackedSeq, ackedRecordedAt, points: points.slice(head), commands: [...commands.values()] }
}

/** The fewest entries that fold to `stored`. */
export const entriesOf = (stored: StoredDriver): ReadonlyArray<StoreEntry> => [
  { kind: "device", deviceId: stored.deviceId, attempt: stored.attempt },
  { kind: "renumbered", ackedSeq: stored.ackedSeq, recordedAt: stored.ackedRecordedAt },
  ...stored.points.map((fix): StoreEntry => ({ kind: "point", fix })),
  ...stored.commands.map((command): StoreEntry => ({ kind: "command", command }))
]
