import { describe, expect, it } from "vitest"
import { keptProofs } from "../../../src/cli/town/checks/KeptProofs.ts"
import { keptReports } from "../../../src/cli/town/checks/KeptReports.ts"
import { delivered, deliveredTimeline, givenProof } from "./TownStories.ts"

describe("a PIN that was given", () => {
  const receipt = {
    shipmentId: "shp_1",
    assignmentId: "asg_1",
    action: "delivered",
    proofs: [{ type: "pin", value: "123456" }, givenProof]
  } as const
  const withProofs = (proofs: ReadonlyArray<unknown>) =>
    delivered({
      timeline: deliveredTimeline.map((event) =>
        event.type === "shipment.delivered" ? { ...event, data: { assignment_id: "asg_1", proofs } } : event
      )
    })

  it("is told to have been there, beside the other proofs", () => {
    expect(keptReports([withProofs([{ type: "pin" }, givenProof])], [receipt])).toEqual([])
  })

  it.each([
    ["left out", [givenProof]],
    ["told", [{ type: "pin", value: "123456" }, givenProof]],
    ["there alone", [{ type: "pin" }]]
  ])("is found when it is %s", (_, proofs) => {
    expect(keptReports([withProofs(proofs)], [receipt])).toMatchObject([{ invariant: "no accepted proof is lost" }])
  })
})

describe("a proof of a delivery", () => {
  const photo = { type: "photo", sha256: "a1" }
  const barcode = { type: "barcode", value: "DM1" }
  const pin = { type: "pin", value: "123456" }
  const receipt = {
    shipmentId: "shp_1",
    assignmentId: "asg_1",
    action: "delivered",
    proofs: [photo, barcode, pin]
  } as const
  const words = { status: "added", value: null, sha256: null, file_id: null }
  const others = [
    { ...words, ...barcode },
    { ...words, type: "pin" }
  ]
  const added = { ...words, ...photo, file_id: "fil_1" }
  const pending = { ...added, status: "pending", file_id: null }
  const stored = new Set(["a1"])
  const fileHashes = new Map([["fil_1", "a1"]])

  it("is there, a picture once it is uploaded, and awaited until then", () => {
    expect(keptProofs([delivered({ proofs: [added, ...others], fileHashes })], [receipt], stored)).toEqual([])
    expect(keptProofs([delivered({ proofs: [pending, ...others] })], [receipt], new Set())).toEqual([])
  })

  it.each([
    ["a picture is gone", others],
    ["a picture is another", [{ ...added, sha256: "b2" }, ...others]],
    ["a picture is there twice", [added, added, ...others]],
    ["a picture is uploaded and still awaited", [pending, ...others]],
    ["a picture's bytes are others", [{ ...added, file_id: "fil_2" }, ...others]],
    ["a barcode is another parcel's", [added, { ...words, type: "barcode", value: "DM2" }, { ...words, type: "pin" }]],
    ["a PIN is gone", [added, { ...words, ...barcode }]],
    ["a PIN is told", [added, { ...words, ...barcode }, { ...words, ...pin }]]
  ])("is found when %s", (_, proofs) => {
    const files = new Map([...fileHashes, ["fil_2", "b2"]])
    expect(keptProofs([delivered({ proofs, fileHashes: files })], [receipt], stored)).toMatchObject([{ id: "shp_1" }])
  })
})
