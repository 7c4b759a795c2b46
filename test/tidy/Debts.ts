/** A file (`name` empty) or a function that is longer than the rule allows. `linesMax` may only be lowered. */
export interface Debt {
  readonly path: string
  readonly name: string
  readonly linesMax: number
}

/** What was too long when the rule came. Whoever shortens one lowers its figure, or takes it out. */
export const debts: ReadonlyArray<Debt> = [
  { path: "test/client/DriverClient.test.ts", name: "", linesMax: 577 },
  { path: "src/actors/DriverRegistry.ts", name: "DriverRegistry", linesMax: 195 },
  { path: "src/gateway/RealtimeServer.ts", name: "RealtimeServer", linesMax: 108 },
  { path: "src/persistence/TelemetryWriter.ts", name: "TelemetryWriter", linesMax: 84 },
  { path: "src/realtime/FleetHub.ts", name: "FleetHub", linesMax: 95 }
]
