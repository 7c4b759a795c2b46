import { Result, Schema } from "effect"
import pg from "pg"
import { eventCatalog, isEventType } from "../../src/domain/EventCatalog.ts"
import { publicEventData } from "../../src/domain/EventData.ts"

interface LoggedRow {
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
}

/** What is wrong with an event as the outside is told of it; undefined when the catalog describes it, key by key. */
export const eventFault = ({ type, data }: LoggedRow): string | undefined => {
  if (!isEventType(type)) return `${type} is not in src/domain/EventCatalog.ts`
  const shown = publicEventData(data)
  const known: ReadonlyArray<string> = eventCatalog[type].keys
  const unknown = Object.keys(shown).filter((key) => !known.includes(key))
  if (unknown.length > 0) return `${type} has no ${unknown.join(", ")}`
  const decoded = Schema.decodeUnknownResult(eventCatalog[type].data)(shown, {
    errors: "all",
    onExcessProperty: "error"
  })
  return Result.isFailure(decoded) ? `${type} ${JSON.stringify(shown)}: ${decoded.failure.message}` : undefined
}

/**
 * Holds every event that is in a database against the catalog; run at the end of whatever appends events. Databases that are gone, or
 * never had a schema, have none.
 */
export const expectKnownEvents = async (databaseUrl: string): Promise<void> => {
  const client = new pg.Client({ connectionString: databaseUrl })
  try {
    await client.connect()
    const { rows } = await client.query<LoggedRow>("SELECT DISTINCT type, data FROM shipment_events")
    const faults = rows.flatMap((row) => eventFault(row) ?? [])
    if (faults.length > 0) throw new Error(`events that the catalog does not describe:\n${faults.join("\n")}`)
  } finally {
    await client.end()
  }
}
