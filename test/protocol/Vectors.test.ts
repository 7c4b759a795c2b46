import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import type { Vector } from "../../scripts/protocol/Vectors.ts"
import { staleProtocolDocs } from "../../scripts/protocolDocs.ts"
import { endpointFrames } from "../../src/protocol/AsyncApi.ts"
import { decodeFrame, decodeJsonFrame, encodeFrame, MalformedFrame } from "../../src/protocol/FrameCodec.ts"
import { isFrame } from "../../src/protocol/FrameSchema.ts"
import * as types from "../../src/protocol/FrameType.ts"
import { fieldFaults, PointBlock } from "../../src/protocol/PointBlock.ts"
import { readPointFrame } from "../../src/protocol/PointFrames.ts"

const root = join(import.meta.dirname, "../..")
const vectors = JSON.parse(readFileSync(join(root, "docs/protocol-vectors.json"), "utf8")) as ReadonlyArray<Vector>

const definitionOf = ({ endpoint, direction }: Vector, type: unknown) =>
  endpointFrames.find(({ name }) => name === endpoint)?.[direction].find((frame) => frame.type === type)

const decoded = (vector: Vector) => {
  const bytes = Buffer.from(vector.hex, "hex")
  return vector.subprotocol === undefined ? decodeFrame(bytes, 8) : decodeJsonFrame(bytes, 8)
}

it("the published documents are current (npm run docs writes them)", () => {
  expect(staleProtocolDocs().map(([path]) => path)).toEqual([])
})

describe("the published vectors", () => {
  const frames = vectors.filter(({ valid, flagged }) => valid && flagged === undefined)
  it.each(frames.map((vector) => [`${vector.endpoint} ${vector.direction} ${vector.name}`, vector] as const))(
    "%s",
    (_, vector) => {
      const frame = decoded(vector)
      if (frame instanceof MalformedFrame) throw new Error(frame.detail)
      expect(frame).toEqual(vector.json)
      const definition = definitionOf(vector, frame[0])
      expect(definition && isFrame(definition, frame)).toBe(true)
      expect(decodeFrame(encodeFrame(frame), 8)).toEqual(vector.json)
    }
  )

  const bad = vectors.filter(({ flagged }) => flagged !== undefined)
  it.each(bad.map((vector) => [vector.name, vector] as const))("%s", (_, vector) => {
    const frame = decoded(vector)
    const block = new PointBlock(500)
    if (frame instanceof MalformedFrame) throw new Error(frame.detail)
    expect(readPointFrame(frame, block)).toBeUndefined()
    const faults = Array.from(block.fault.subarray(0, block.count)).flatMap((fault, i) =>
      fault === 0 ? [] : [[block.firstSeq + i, fieldFaults[fault - 1]]]
    )
    expect(faults).toEqual(vector.flagged)
    const definition = definitionOf(vector, frame[0])
    if (vector.json !== undefined && !vector.name.includes("sum leaves")) {
      expect(definition && isFrame(definition, frame)).toBe(false)
    }
  })

  it("hold every frame of every endpoint, and every definition has its own type number of the registry", () => {
    const registry = {
      driver: { client: types.DriverClientFrame, server: types.DriverServerFrame },
      tracking: { client: types.TrackingClientFrame, server: types.TrackingServerFrame },
      fleet: { client: types.FleetClientFrame, server: types.FleetServerFrame }
    }
    for (const endpoint of endpointFrames) {
      for (const direction of ["client", "server"] as const) {
        const defined = endpoint[direction].map(({ type }) => type).toSorted((a, b) => a - b)
        expect(defined).toEqual(Object.values(registry[endpoint.name][direction]).toSorted((a, b) => a - b))
        const shown = frames.filter((vector) => vector.endpoint === endpoint.name && vector.direction === direction)
        expect(new Set(shown.map(({ json }) => (json as ReadonlyArray<unknown>)[0]))).toEqual(new Set(defined))
      }
    }
  })
})
