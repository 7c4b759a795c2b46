/** What is counted while a client lives. */
export interface DriverCounters {
  /** Points handed over by the app. */
  reported: number
  frames: number
  /** Points put into frames for the first time, and again. */
  sent: number
  resent: number
  /** Points settled by the server, quarantined ones included. */
  acked: number
  quarantined: number
  /**
   * Of `acked`: learned from a WELCOME, after the connection broke between their commit and its ACK. Nobody said whether these were
   * stored or quarantined: FLAGGED is not repeated.
   */
  ackedUnseen: number
  beacons: number
  welcomes: number
  losses: number
}

/** All at 0. */
export const newDriverCounters = (): DriverCounters => ({
  reported: 0,
  frames: 0,
  sent: 0,
  resent: 0,
  acked: 0,
  quarantined: 0,
  ackedUnseen: 0,
  beacons: 0,
  welcomes: 0,
  losses: 0
})
