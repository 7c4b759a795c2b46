import { Effect } from "effect"
import { FleetHub } from "../../src/realtime/FleetHub.ts"
import type { EngineUnderTest, TestDriver } from "./EngineUnderTest.ts"
import { until } from "./Until.ts"

/** A driver as a node's board shows them. */
export interface ShownDriver {
  readonly status: number
  readonly latE7: number
  readonly isShown: boolean
  readonly heardAt: number
}

/** What the engine's board has of a driver; undefined when it has nothing. Fails when it has them twice. */
export const onBoard = (engine: EngineUnderTest, { driverId }: TestDriver): Promise<ShownDriver | undefined> =>
  engine.run(
    Effect.map(FleetHub, ({ board }) => {
      const handle = board.find(driverId)
      if (handle === undefined) return undefined
      if (board.ids.filter((id) => id === driverId).length !== 1) throw new Error(`${driverId} is shown twice`)
      return {
        status: board.status[handle] as number,
        latE7: board.latE7[handle] as number,
        isShown: board.shown[handle] === 1,
        heardAt: board.heardAt[handle] as number
      }
    })
  )

/** Waits until the board shows a driver like that. */
export const shownAs = (
  engine: EngineUnderTest,
  driver: TestDriver,
  wanted: Partial<ShownDriver>
): Promise<ShownDriver | undefined> =>
  until(
    `a driver shown as ${JSON.stringify(wanted)}`,
    () => onBoard(engine, driver),
    (seen) =>
      seen !== undefined && Object.entries(wanted).every(([name, value]) => seen[name as keyof ShownDriver] === value),
    30_000
  )
