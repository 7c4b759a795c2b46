import type { DriverStore, StoredDriver, StoreEntry } from "../../src/client/DriverStore.ts"

/** A store that holds what a test gives it and lists what the client records. */
export const memoryStore = (stored?: StoredDriver): DriverStore & { readonly entries: Array<StoreEntry> } => {
  const entries: Array<StoreEntry> = []
  return { entries, load: () => stored, record: (entry) => entries.push(entry), close: () => undefined }
}
