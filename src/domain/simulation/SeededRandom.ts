/**
 * A deterministic source of random numbers (sfc32 by Chris Doty-Humphrey, seeded through splitmix32): the same seed gives the
 * same numbers on every machine. For simulations and tests, never for secrets.
 */
export class SeededRandom {
  private a: number
  private b: number
  private c: number
  private counter = 1

  constructor(seed: number) {
    let state = seed >>> 0
    const mixed = (): number => {
      state = (state + 0x9e3779b9) >>> 0
      let z = state
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
      return (z ^ (z >>> 15)) >>> 0
    }
    this.a = mixed()
    this.b = mixed()
    this.c = mixed()
    for (let i = 0; i < 12; i++) this.bits()
  }

  /** An independent source for one of many, so that what one draws does not shift the others. */
  fork(index: number): SeededRandom {
    return new SeededRandom(Math.imul(this.a ^ Math.imul(index + 1, 0x85ebca6b), 0xc2b2ae35) ^ this.c)
  }

  /** Uniform in [0, 1). */
  next(): number {
    return this.bits() / 4_294_967_296
  }

  between(min: number, max: number): number {
    return min + this.next() * (max - min)
  }

  /** A whole number from 0 to `count - 1`. */
  below(count: number): number {
    return Math.floor(this.next() * count)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** Standard normal, by Box and Muller. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
  }

  private bits(): number {
    const sum = (this.a + this.b + this.counter) | 0
    this.counter = (this.counter + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = (this.c << 21) | (this.c >>> 11)
    this.c = (this.c + sum) | 0
    return sum >>> 0
  }
}
