import type { SeededRandom } from "../../domain/simulation/SeededRandom.ts"
import type { DriverHabits } from "./DriverHabits.ts"

/** When a driver's phone has no network for minutes, wherever it is. The phone works on, and reports afterwards. */
export class Disappearance {
  private readonly habits: DriverHabits
  private readonly random: SeededRandom
  private beginsAtS: number
  private endsAtS = Number.NEGATIVE_INFINITY

  constructor(habits: DriverHabits, random: SeededRandom) {
    this.habits = habits
    this.random = random
    this.beginsAtS = this.nextAfter(0)
  }

  /** Whether it is gone at a second of simulated time; asked in rising order. */
  isAt(atS: number): boolean {
    if (atS >= this.beginsAtS) {
      const [least, most] = this.habits.vanishesForS
      this.endsAtS = atS + this.random.between(least, most)
      this.beginsAtS = this.nextAfter(this.endsAtS)
    }
    return atS < this.endsAtS
  }

  private nextAfter(atS: number): number {
    const { vanishesEveryS } = this.habits
    return Number.isFinite(vanishesEveryS) ? atS - Math.log(1 - this.random.next()) * vanishesEveryS : vanishesEveryS
  }
}
