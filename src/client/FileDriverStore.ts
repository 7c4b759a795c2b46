import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs"
import { dirname } from "node:path"
import { type DriverStore, entriesOf, foldEntries, type StoredDriver, type StoreEntry } from "./DriverStore.ts"

/** The journal is rewritten once it holds this many entries more than needed. */
const spareEntriesMax = 4_096

/** The journal's text is not one of ours. Carries the file and the line. */
export class StoreUnreadable extends Error {
  readonly path: string
  readonly line: number
  constructor(path: string, line: number) {
    super(`${path}:${line} is not an entry of a driver's journal`)
    this.name = "StoreUnreadable"
    this.path = path
    this.line = line
  }
}

/**
 * A journal of JSON lines for apps on Node. Each change is written before `record` returns, so a killed process loses nothing;
 * a machine that loses power may lose the last moments. A last line that was torn by a kill is dropped; any other unreadable
 * line is `StoreUnreadable`, because the numbers after it could not be trusted.
 */
export const fileDriverStore = (path: string): DriverStore => {
  mkdirSync(dirname(path), { recursive: true })
  const entries = existsSync(path) ? readEntries(path) : []
  let live: StoredDriver | undefined = foldEntries(entries)
  let file = live === undefined ? openSync(path, "w", 0o600) : rewrite(path, live)
  let written = live === undefined ? 0 : entriesOf(live).length
  let liveCount = written

  return {
    load: () => live,
    record: (entry) => {
      // What was loaded belongs to the client from its first change on.
      live = undefined
      writeSync(file, `${JSON.stringify(entry)}\n`)
      written++
      liveCount = Math.max(0, liveCount + liveChange(entry))
      if (written < spareEntriesMax + liveCount * 2) return
      closeSync(file)
      const kept = foldEntries(readEntries(path))
      if (kept === undefined) throw new StoreUnreadable(path, 1)
      file = rewrite(path, kept)
      written = entriesOf(kept).length
      liveCount = written
    },
    close: () => {
      fsyncSync(file)
      closeSync(file)
    }
  }
}

/** How many entries a change adds to the fewest that would do; what an "acked" frees is counted at the next rewrite. */
const liveChange = (entry: StoreEntry): number => {
  if (entry.kind === "settled") return -1
  return entry.kind === "command" ? 1 : 0
}

const readEntries = (path: string): ReadonlyArray<StoreEntry> => {
  const lines = readFileSync(path, "utf8").split("\n")
  const entries: Array<StoreEntry> = []
  for (const [index, line] of lines.entries()) {
    if (line === "") continue
    try {
      entries.push(JSON.parse(line) as StoreEntry)
    } catch {
      if (index === lines.length - 1) break
      throw new StoreUnreadable(path, index + 1)
    }
  }
  return entries
}

/** Writes the fewest entries beside the journal, then puts them in its place. Returns the open file, at its end. */
const rewrite = (path: string, stored: StoredDriver): number => {
  const next = `${path}.next`
  const file = openSync(next, "w", 0o600)
  writeSync(
    file,
    entriesOf(stored)
      .map((entry) => `${JSON.stringify(entry)}\n`)
      .join("")
  )
  fsyncSync(file)
  renameSync(next, path)
  return file
}
