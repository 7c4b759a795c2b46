import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import { csvRows } from "../../../src/cli/fleet/CsvRows.ts"
import { stepsOf, timeBaseMs } from "../../../src/cli/fleet/Replay.ts"
import { readTrace } from "../../../src/cli/fleet/Trace.ts"

const folder = mkdtempSync(join(tmpdir(), "dropmate-trace-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
const fileOf = (text: string, ending = "csv"): string => {
  const path = join(folder, `${++files}.${ending}`)
  writeFileSync(path, text)
  return path
}
const readCsv = (text: string, vehiclesMax = Number.POSITIVE_INFINITY) => readTrace(fileOf(text), vehiclesMax)
const t0 = Date.UTC(2026, 0, 12, 17)

describe("CSV", () => {
  it("is read in any column order, with other columns, quotes, CRLF, a byte order mark and no last line end", async () => {
    const tracks = await readCsv(
      '\uFEFFlng,"vehicle_id",note,TIME,lat,accuracy_m\r\n13.4,"van ""7"", red","a,b",2026-01-12T17:00:00.500Z,52.5,8\r\n\r\n13.5,van 8,"two\r\nlines",2026-01-12T18:00:00+01:00,52.6,'
    )
    expect(tracks).toEqual([
      { vehicleId: 'van "7", red', fixes: [{ recordedAt: t0 + 500, lat: 52.5, lng: 13.4, accuracyM: 8 }] },
      { vehicleId: "van 8", fixes: [{ recordedAt: t0, lat: 52.6, lng: 13.5 }] }
    ])
  })

  it.each<[string, string, string]>([
    ["a missing column", "vehicle_id,lat,lng\n", ":1: the header lacks the column time"],
    [
      "a missing value",
      "vehicle_id,time,lat,lng\na,2026-01-12T17:00:00Z,,2\n",
      ':2: lat must be a number from -90 to 90, not ""'
    ],
    [
      "a place that is none",
      "vehicle_id,time,lat,lng\na,2026-01-12T17:00:00Z,91,2\n",
      ':2: lat must be a number from -90 to 90, not "91"'
    ],
    ["a time without a zone", "vehicle_id,time,lat,lng\na,2026-01-12T17:00:00,1,2\n", ":2: time must be like"],
    ["nobody's position", "vehicle_id,time,lat,lng\n\n,2026-01-12T17:00:00Z,1,2\n", ":3: vehicle_id is empty"],
    [
      "a negative speed",
      "vehicle_id,time,lat,lng,speed_mps\na,1768237200,1,2,-1\n",
      ":2: speed_mps must be a number from 0"
    ],
    [
      "a quote that never closes",
      'vehicle_id,time,lat,lng\na,1768237200,1,2\n"b,1',
      ":3: a quoted field is never closed"
    ],
    ["no rows", "vehicle_id,time,lat,lng\n", ": there is no position in this file"],
    ["nothing", "", ": there is no position in this file"]
  ])("with %s is refused, naming the line", async (_name, text, message) => {
    await expect(readCsv(text)).rejects.toThrow(message)
  })

  it("comes out the same however the text is cut into pieces", async () => {
    const field = fc.string({ maxLength: 6, unit: fc.constantFrom("a", '"', ",", "\n", "\r", " ", "é") })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 5 }),
        fc.integer({ min: 1, max: 5 }),
        async (rows, size) => {
          const text = rows.map((row) => row.map((value) => `"${value.replaceAll('"', '""')}"`).join(",")).join("\r\n")
          const read: Array<ReadonlyArray<string>> = []
          for await (const { fields } of csvRows(pieces(text, size))) read.push(fields)
          expect(read).toEqual(rows)
        }
      )
    )
  })

  it("keeps the first vehicles only, and orders each one's fixes by time", async () => {
    const tracks = await readCsv(
      "vehicle_id,time,lat,lng\na,1768237210,1,2\nb,1768237200,1,2\nc,1768237200,1,2\na,1768237200,1,2\n",
      2
    )
    expect(tracks.map(({ vehicleId, fixes }) => [vehicleId, fixes.map(({ recordedAt }) => recordedAt)])).toEqual([
      ["a", [1768237200000, 1768237210000]],
      ["b", [1768237200000]]
    ])
  })

  it("gets speed and heading from one fix to the next, but never over those that were recorded", async () => {
    const [track] = await readCsv(
      "vehicle_id,time,lat,lng,speed_mps,heading_deg\na,1768237200,0,0,,\na,1768237210,0.001,0,,\na,1768237210,0.001,0,,\na,1768237220,0.001,0,,\na,1768237230,0.001,0.001,3,7\n"
    )
    expect(track?.fixes.map(({ speedMps, headingDeg }) => [speedMps, headingDeg])).toEqual([
      [undefined, undefined],
      [expect.closeTo(11.12, 2), 0],
      [undefined, undefined],
      [0, undefined],
      [3, 7]
    ])
  })
})

async function* pieces(text: string, size: number): AsyncGenerator<string> {
  for (let i = 0; i < text.length; i += size) yield text.slice(i, i + size)
}

describe("GPX", () => {
  const gpx = (inner: string): string =>
    fileOf(`<?xml version="1.0"?>\n<gpx version="1.1" xmlns:x="u">${inner}</gpx>`, "gpx")

  it("gives a vehicle for each track, called by its name or its number", async () => {
    const path = gpx(`<metadata><name>tour</name></metadata>
      <trk><name>Anna &amp; &#66;en</name><trkseg><!-- <trkpt> -->
        <trkpt lat="52.5" lon='13.4'><ele>30</ele><time>2026-01-12T17:00:00Z</time><speed>4.5</speed><course>90</course></trkpt>
      </trkseg><trkseg><trkpt lat="52.6" lon="13.5"><time>2026-01-12T17:00:10Z</time></trkpt></trkseg></trk>
      <trk><trkseg><x:trkpt lat="1" lon="2"><x:time>2026-01-12T17:00:00Z</x:time></x:trkpt></trkseg></trk>`)
    const tracks = await readTrace(path, Number.POSITIVE_INFINITY)
    expect(tracks.map(({ vehicleId, fixes }) => [vehicleId, fixes.length])).toEqual([
      ["Anna & Ben", 2],
      ["track-2", 1]
    ])
    expect(tracks[0]?.fixes[0]).toEqual({ recordedAt: t0, lat: 52.5, lng: 13.4, speedMps: 4.5, headingDeg: 90 })
  })

  it.each<[string, string, string]>([
    [
      "a point without a time",
      '<trk><trkseg>\n<trkpt lat="1" lon="2"></trkpt></trkseg></trk>',
      ":3: a trkpt has no time"
    ],
    [
      "a point without a place",
      '<trk><trkpt lat="x" lon="2"><time>2026-01-12T17:00:00Z</time></trkpt></trk>',
      ':2: lat of a trkpt must be a number from -90 to 90, not "x"'
    ],
    ["a tag that closes nothing", "<trk></trkseg></trk>", ":2: </trkseg> closes nothing"],
    ["no points", "<trk></trk>", "there is no position in this file"]
  ])("with %s is refused, naming the line", async (_name, inner, message) => {
    await expect(readTrace(gpx(inner), 9)).rejects.toThrow(message)
  })

  it("that is no GPX, or is cut off, is refused", async () => {
    await expect(readTrace(fileOf("<html></html>", "gpx"), 9)).rejects.toThrow("this is not GPX")
    await expect(readTrace(fileOf("<gpx><trk>", "gpx"), 9)).rejects.toThrow("the file ends inside <trk>")
  })
})

describe("times of a replay", () => {
  it("never lie in the future when a point is sent, whatever the speed", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 10_000_000 }), { minLength: 1, maxLength: 50 }),
        fc.oneof(fc.constant(0), fc.double({ min: 0.01, max: 1_000, noNaN: true })),
        (times, speed) => {
          const steps = stepsOf([
            { vehicleId: "a", fixes: times.sort((a, b) => a - b).map((recordedAt) => ({ recordedAt, lat: 0, lng: 0 })) }
          ])
          const durationMs = steps.at(-1)?.atMs ?? 0
          const startMs = 1_768_237_200_000
          const baseMs = timeBaseMs(startMs, durationMs, speed)
          for (const { atMs } of steps) {
            const sentAtMs = speed === 0 ? startMs : startMs + atMs / speed
            expect(Math.floor(baseMs + atMs)).toBeLessThanOrEqual(Math.ceil(sentAtMs))
          }
          const last = steps.at(-1)
          if (last !== undefined && speed >= 1) {
            expect(baseMs + last.atMs).toBeCloseTo(startMs + last.atMs / speed, 0)
          }
        }
      )
    )
  })
})
