import { describe, expect, it } from "vitest"
import { setPieces } from "../../../src/cli/town/Plot.ts"
import { PlotDeck } from "../../../src/cli/town/PlotDeck.ts"
import { SeededRandom } from "../../../src/domain/simulation/SeededRandom.ts"
import { proofTypes } from "../../../src/domain/TaskPayload.ts"

const deckOf = (seed: number) => new PlotDeck(new SeededRandom(seed))
const deal = (deck: PlotDeck, count: number) => Array.from({ length: count }, () => deck.next())

describe("the plots of a simulation", () => {
  it("are dealt all before luck has its turn, in the order of the seed", () => {
    const first = deal(deckOf(1), setPieces.length)
    expect(new Set(first)).toEqual(new Set(setPieces))
    expect(deal(deckOf(1), setPieces.length)).toEqual(first)
    expect(deal(deckOf(2), setPieces.length)).not.toEqual(first)
  })

  it("come back all, with luck between them", () => {
    const deck = deckOf(3)
    deal(deck, setPieces.length)
    const later = deal(deck, setPieces.length * 8)
    expect(new Set(later)).toEqual(new Set([undefined, ...setPieces]))
    expect(later.filter((plot) => plot === undefined).length).toBeGreaterThan(later.length / 2)
  })

  it("are tried again when their moment was missed", () => {
    const deck = deckOf(4)
    const [plot] = setPieces
    deal(deck, setPieces.length + 1)
    if (plot !== undefined) deck.again(plot)
    expect(deck.next()).toBe(plot)
  })

  it("hold every stage at which an order may be cancelled, and every proof", () => {
    const cancelled = setPieces.flatMap(({ scene }) => (scene?.act === "cancel" ? [scene.at] : []))
    expect(cancelled).toEqual([
      ...["draft", "submitted", "dispatching", "offered", "assigned", "en_route_to_pickup", "at_pickup"]
    ])
    // A note is what a driver gives when nothing is required.
    const required = new Set(["note", ...setPieces.flatMap(({ proofs = [] }) => proofs)])
    expect(required).toEqual(new Set(proofTypes))
  })
})
