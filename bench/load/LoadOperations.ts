/** Whom to connect to, as whom, and in which language. */
export interface LoadPlan {
  readonly host: string
  readonly port: number
  readonly dialect: "messagepack" | "ws-json" | "socket.io"
  /** Points in each frame; 1 is a POINT. */
  readonly framePoints: number
  /** One socket each. */
  readonly identities: ReadonlyArray<{ readonly token: string; readonly deviceId: string }>
}

/**
 * `Closed`: each socket keeps `windowPoints` unacknowledged, so it is as fast as the server. `Paced`: frames are due by the
 * clock, `pointsPerS` over all sockets, whatever the server does; `windowPoints` is what its credit allows.
 */
export type Pace =
  | { readonly _tag: "Closed"; readonly windowPoints: number }
  | { readonly _tag: "Paced"; readonly windowPoints: number; readonly pointsPerS: number }

/** What a load has counted since it was opened. */
export interface LoadSample {
  /** The load process's own clock, milliseconds. */
  readonly atMs: number
  readonly acked: number
  readonly sent: number
  readonly cpuS: number
  /** Points of a paced load that were due since `measure`, by how long after that they were acknowledged. */
  readonly latencyMs: {
    readonly p50: number | undefined
    readonly p99: number | undefined
    readonly max: number
    readonly count: number
  }
  /** Frames and ends that a sound run does not see, counted. */
  readonly surprises: Readonly<Record<string, number>>
}

/** What a load process can be asked. */
export type LoadOperations = {
  readonly open: (plan: LoadPlan) => Promise<void>
  readonly begin: (pace: Pace) => void
  readonly measure: (input: null) => void
  readonly sample: (input: null) => LoadSample
  readonly drain: (input: { readonly timeoutMs: number }) => Promise<LoadSample>
  readonly close: (input: null) => void
}
