import type { RunDetail } from "../../actors/runs/Runs.ts"
import type { RunRow, RunStopRow } from "../../persistence/runs/RunRepo.ts"
import type { Run, RunSummary } from "./RunsApi.ts"

const showStop = ({ stop_type, window_start, window_end, ...stop }: RunStopRow) => ({
  ...stop,
  type: stop_type,
  window: window_start === null || window_end === null ? null : { start: window_start, end: window_end }
})

/** A run as lists show it. */
export const showRunSummary = ({ version: _, ...run }: RunRow): typeof RunSummary.Type => run

/** A run as the API shows one. */
export const showRun = ({ run, stops, shipments, missing }: RunDetail): typeof Run.Type => ({
  ...showRunSummary(run),
  stops: stops.map(showStop),
  shipments: shipments.map(({ holder_id, ...shipment }) => ({ ...shipment, driver_id: holder_id })),
  not_given: missing.map(({ shipmentId, holderId, code, detail }) => ({
    shipment_id: shipmentId,
    driver_id: holderId ?? null,
    code: code ?? null,
    detail: detail ?? null
  }))
})
