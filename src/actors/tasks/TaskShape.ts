import { publicId } from "../../domain/Ids.ts"
import type { TaskBreakJson, TaskRow, TaskStopJson } from "../../persistence/shipments/TaskRepo.ts"

/** A `stop` of a frame (02-protocol, section 5). */
export const stopShape = (stop: TaskStopJson) => ({
  stop_id: publicId("stop", stop.stop_id),
  type: stop.type,
  position: stop.position,
  lat: stop.lat,
  lng: stop.lng,
  ...(stop.address === null ? {} : { address: stop.address }),
  ...(stop.window_start === null || stop.window_end === null
    ? {}
    : { window: { start: stop.window_start, end: stop.window_end } }),
  status: stop.status,
  requirements: stop.requirements
})

/** A `task` of the TASKS frame (02-protocol, section 5). `shipment_status` beside it tells an app which action comes next. */
export const taskShape = (row: TaskRow) => ({
  assignment_id: publicId("assignment", row.assignment_id),
  shipment_id: publicId("shipment", row.shipment_id),
  fencing_token: row.fencing_token,
  status: row.status,
  shipment_status: row.shipment_status,
  sequence: row.sequence,
  ...(row.run_id === null ? {} : { run_id: publicId("run", row.run_id) }),
  stops: row.stops.map(stopShape),
  ...(row.first_name === null
    ? {}
    : { contact: { first_name: row.first_name, thread_id: publicId("thread", row.thread_id) } })
})

/** One of them. */
export type Task = ReturnType<typeof taskShape>

/** A `break` of the TASKS frame. */
export const breakShape = (row: TaskBreakJson) => ({
  stop_id: publicId("stop", row.stop_id),
  run_id: publicId("run", row.run_id),
  type: "break",
  position: row.position,
  lat: row.lat,
  lng: row.lng,
  ...(row.address === null ? {} : { address: row.address }),
  duration_s: row.duration_s,
  status: row.status
})

/** One of them. */
export type Break = ReturnType<typeof breakShape>

/** All that a phone is told of its driver's work in one frame. */
export interface ToldTasks {
  readonly version: number
  readonly tasks: ReadonlyArray<Task>
  readonly breaks: ReadonlyArray<Break>
}
