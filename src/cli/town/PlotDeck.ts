import type { SeededRandom } from "../../domain/simulation/SeededRandom.ts"
import { type Plot, setPieces } from "./Plot.ts"

/** Once every piece was dealt, one order of so many is one. */
const pieceEvery = 4

/** Who gets which plot: the set pieces first, in an order that depends on the seed, then now and then one, and luck between them. */
export class PlotDeck {
  private readonly random: SeededRandom
  private pieces: Array<Plot> = []
  private readonly missed: Array<Plot> = []
  private dealt = 0

  constructor(random: SeededRandom) {
    this.random = random
  }

  /** Undefined: luck alone. */
  next(): Plot | undefined {
    const place = this.dealt++
    const missed = this.missed.shift()
    if (missed !== undefined) return missed
    if (place >= setPieces.length && place % pieceEvery !== 0) return undefined
    if (this.pieces.length === 0) this.pieces = this.shuffled()
    return this.pieces.pop()
  }

  /** A plot whose moment was missed is tried with the next order. */
  again(plot: Plot): void {
    this.missed.push(plot)
  }

  private shuffled(): Array<Plot> {
    const pieces = [...setPieces]
    for (let left = pieces.length; left > 1; ) {
      const at = this.random.below(left--)
      const [one, other] = [pieces[at], pieces[left]]
      if (one !== undefined && other !== undefined) pieces.splice(at, 1, other)
      if (one !== undefined) pieces.splice(left, 1, one)
    }
    return pieces
  }
}
