/** How a simulated driver works. Shares are of 1, times simulated seconds. */
export interface DriverHabits {
  /** Of deliveries that fail at the door. */
  readonly failsAtDoor: number
  /** Of parcels that are handed off on the way. */
  readonly handsOff: number
  /** Of offers that are declined, and of those that are never answered. */
  readonly declines: number
  readonly ignores: number
  /** Mean time between two disappearances; infinity: never. */
  readonly vanishesEveryS: number
  /** The least and the most that one lasts. */
  readonly vanishesForS: readonly [number, number]
}

/** Does what is asked, and is there. */
export const steadyHabits: DriverHabits = {
  failsAtDoor: 0,
  handsOff: 0,
  declines: 0,
  ignores: 0,
  vanishesEveryS: Number.POSITIVE_INFINITY,
  vanishesForS: [0, 0]
}

/** An ordinary day. */
export const calmHabits: DriverHabits = {
  ...steadyHabits,
  failsAtDoor: 0.04,
  declines: 0.1,
  ignores: 0.05
}

/** More mishaps than any real fleet has, so that a short run meets them all. */
export const eventfulHabits: DriverHabits = {
  failsAtDoor: 0.08,
  handsOff: 0.02,
  declines: 0.15,
  ignores: 0.08,
  vanishesEveryS: 2_400,
  vanishesForS: [120, 480]
}
