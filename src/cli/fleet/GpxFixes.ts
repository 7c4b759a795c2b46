import { type TraceFix, TraceUnreadable, traceTime } from "./TraceFix.ts"

/** One piece of markup, or the text between two. */
interface Token {
  readonly line: number
  /** `trkpt` for an opening tag, `/trkpt` for a closing one, empty for text. Without namespace prefix. */
  readonly tag: string
  readonly isSelfClosing: boolean
  /** Attributes of the tag, or the text itself. */
  readonly text: string
}

const tokenCharsMax = 65_536

/** Splits XML into tags and text. Comments, declarations and CDATA marks are dropped; entities are left to `unescaped`. */
async function* xmlTokens(path: string, pieces: AsyncIterable<string>): AsyncGenerator<Token> {
  let rest = ""
  let line = 1
  for await (const piece of pieces) {
    rest += piece
    for (;;) {
      const open = rest.indexOf("<")
      const isComment = rest.startsWith("<!--", Math.max(open, 0))
      const close = open < 0 ? -1 : rest.indexOf(isComment ? "-->" : ">", open)
      if (close < 0) break
      const text = rest.slice(0, open)
      if (text.trim() !== "") yield { line, tag: "", isSelfClosing: false, text }
      const inner = rest.slice(open + 1, close)
      const [, tag = "", attributes = ""] = /^(\/?[^\s/>]+)([\s\S]*)$/.exec(inner) ?? []
      line += lineEnds(text)
      if (!/^[?!]/.test(tag)) {
        const name = tag.replace(/^(\/?).*:/, "$1")
        yield { line, tag: name, isSelfClosing: inner.endsWith("/"), text: attributes }
      }
      line += lineEnds(inner)
      rest = rest.slice(close + (isComment ? 3 : 1))
    }
    if (rest.length > tokenCharsMax) throw new TraceUnreadable(path, line, "this is not GPX")
  }
}

const lineEnds = (text: string): number => text.split("\n").length - 1

/** Reads track points of GPX 1.0 and 1.1. A vehicle is a `trk`, called by its `name`, else by its place in the file. */
export async function* gpxFixes(path: string, pieces: AsyncIterable<string>): AsyncGenerator<TraceFix> {
  const parents: Array<string> = []
  let trackNo = 0
  let vehicleId = ""
  let point: GpxPoint | undefined
  let sawRoot = false
  for await (const token of xmlTokens(path, pieces)) {
    const parent = parents.at(-1) ?? ""
    if (token.tag === "") {
      if (point !== undefined) point.fields.set(parent, unescaped(token.text.trim()))
      else if (parent === "name" && parents.at(-2) === "trk") vehicleId = unescaped(token.text.trim()) || vehicleId
    } else if (token.tag.startsWith("/")) {
      if (parents.pop() !== token.tag.slice(1))
        throw new TraceUnreadable(path, token.line, `<${token.tag}> closes nothing`)
      if (token.tag === "/trkpt" && point !== undefined) {
        yield gpxFix(path, vehicleId, point)
        point = undefined
      }
    } else {
      if (!sawRoot && token.tag !== "gpx") throw new TraceUnreadable(path, token.line, "this is not GPX")
      sawRoot = true
      if (token.tag === "trk") {
        trackNo++
        vehicleId = `track-${trackNo}`
      }
      if (token.tag === "trkpt") point = { line: token.line, attributes: token.text, fields: new Map() }
      if (!token.isSelfClosing) parents.push(token.tag)
      else if (token.tag === "trkpt" && point !== undefined)
        throw new TraceUnreadable(path, token.line, "a trkpt has no time")
    }
  }
  if (parents.length > 0) throw new TraceUnreadable(path, 0, `the file ends inside <${parents.at(-1)}>`)
}

interface GpxPoint {
  readonly line: number
  readonly attributes: string
  readonly fields: Map<string, string>
}

const gpxFix = (path: string, vehicleId: string, point: GpxPoint): TraceFix => {
  const degrees = (name: string, max: number): number => {
    const text = new RegExp(`\\b${name}\\s*=\\s*["']([^"']*)["']`).exec(point.attributes)?.[1] ?? ""
    const value = text.trim() === "" ? Number.NaN : Number(text)
    if (Math.abs(value) <= max) return value
    throw new TraceUnreadable(
      path,
      point.line,
      `${name} of a trkpt must be a number from -${max} to ${max}, not "${text}"`
    )
  }
  const field = (name: string, min: number, max: number): number | undefined => {
    const text = point.fields.get(name)
    if (text === undefined) return undefined
    const value = Number(text)
    if (text !== "" && value >= min && value <= max) return value
    throw new TraceUnreadable(
      path,
      point.line,
      `${name} of a trkpt must be a number from ${min} to ${max}, not "${text}"`
    )
  }
  const time = point.fields.get("time")
  if (time === undefined) throw new TraceUnreadable(path, point.line, "a trkpt has no time")
  return {
    vehicleId,
    fix: {
      recordedAt: traceTime(path, point.line, time),
      lat: degrees("lat", 90),
      lng: degrees("lon", 180),
      speedMps: field("speed", 0, 1_000),
      headingDeg: field("course", 0, 360)
    }
  }
}

const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" }

const unescaped = (text: string): string =>
  text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex?: string, decimal?: string, name?: string) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
    return entities[name ?? ""] ?? whole
  })
