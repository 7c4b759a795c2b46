import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import { entriesOf, foldEntries, type StoreEntry } from "../../src/client/DriverStore.ts"
import { fileDriverStore, StoreUnreadable } from "../../src/client/FileDriverStore.ts"

const folder = mkdtempSync(join(tmpdir(), "dropmate-store-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const freshPath = (): string => join(folder, `${++files}`, "journal")

const fix = (recordedAt: number) => ({
  recordedAt,
  latE7: 1,
  lngE7: 2,
  speedCms: null,
  headingCdeg: 3,
  accuracyCm: 4,
  battery: null,
  source: 0
})
const device: StoreEntry = { kind: "device", deviceId: "d", attempt: 1 }
const point = (recordedAt: number): StoreEntry => ({ kind: "point", fix: fix(recordedAt) })

describe("a driver's journal", () => {
  it("gives back what was recorded, without the points that were acknowledged", async () => {
    const path = freshPath()
    const store = fileDriverStore(path)
    expect(await store.load()).toBeUndefined()
    for (const entry of [device, point(1), point(2), point(3)]) store.record(entry)
    store.record({ kind: "acked", ackedSeq: 2, recordedAt: 2 })
    store.record({ kind: "command", command: { commandId: "c", frame: [5, "c", "on", 1] } })
    const again = await fileDriverStore(path).load()
    expect(again).toEqual({
      deviceId: "d",
      attempt: 1,
      ackedSeq: 2,
      ackedRecordedAt: 2,
      points: [fix(3)],
      commands: [{ commandId: "c", frame: [5, "c", "on", 1] }]
    })
  })

  it("loses only a last line that was torn when the process was killed", async () => {
    const path = freshPath()
    const store = fileDriverStore(path)
    for (const entry of [device, point(1)]) store.record(entry)
    appendFileSync(path, '{"kind":"point","fi')
    const again = fileDriverStore(path)
    expect((await again.load())?.points).toEqual([fix(1)])
    again.record(point(2))
    expect((await fileDriverStore(path).load())?.points).toEqual([fix(1), fix(2)])
  })

  it("refuses a file whose middle is not a journal", () => {
    const path = freshPath()
    fileDriverStore(path).record(device)
    appendFileSync(path, "?\n{}\n")
    expect(() => fileDriverStore(path)).toThrow(StoreUnreadable)
    expect(() => fileDriverStore(path)).toThrow(":2 is not an entry")
  })

  it("stays small however long it is written to, and readable by its user only", async () => {
    const path = freshPath()
    const store = fileDriverStore(path)
    store.record(device)
    for (let seq = 1; seq <= 20_000; seq++) {
      store.record(point(seq))
      store.record({ kind: "acked", ackedSeq: seq, recordedAt: seq })
    }
    expect(readFileSync(path, "utf8").split("\n").length).toBeLessThan(6_000)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect((await fileDriverStore(path).load())?.ackedSeq).toBe(20_000)
  })

  it("amounts to the same after it was rewritten with the fewest entries", () => {
    const entry = fc.oneof(
      fc.nat(9).map((at): StoreEntry => point(at)),
      fc.nat(9).map((ackedSeq): StoreEntry => ({ kind: "acked", ackedSeq, recordedAt: ackedSeq })),
      fc.nat(9).map((ackedSeq): StoreEntry => ({ kind: "renumbered", ackedSeq, recordedAt: null })),
      fc.nat(3).map((n): StoreEntry => ({ kind: "command", command: { commandId: String(n), frame: [n] } })),
      fc.nat(3).map((n): StoreEntry => ({ kind: "settled", commandId: String(n) }))
    )
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const folded = foldEntries([device, ...entries])
        expect(folded && foldEntries(entriesOf(folded))).toEqual(folded)
      })
    )
  })
})
