import { Schema } from "effect"

/** The payload of an event's job: which event, not what it says. What it says is in the log. */
export const EventPayload = Schema.Struct({
  published_no: Schema.Int,
  event_id: Schema.String,
  order_id: Schema.String,
  event_no: Schema.Int,
  type: Schema.String
})

/** Every queue. Each has its own workers on each node, so that one that is busy does not hold up another one. */
export const queueNames = ["events", "reports"] as const

/** One of the queues. */
export type QueueName = (typeof queueNames)[number]

/** Every kind of job: its queue and what its payload looks like. Its handler is in `JobWorkers`. */
export const jobKinds = {
  event: { queue: "events", payload: EventPayload },
  "daily_summary.refresh": { queue: "reports", payload: Schema.Struct({}) }
} as const satisfies Readonly<
  Record<string, { readonly queue: QueueName; readonly payload: Schema.Codec<unknown, unknown> }>
>

/** One of the kinds. */
export type JobKind = keyof typeof jobKinds

/** What a job of a kind is told. */
export type JobPayload<Kind extends JobKind> = (typeof jobKinds)[Kind]["payload"]["Type"]

/** Whether a text names a kind. */
export const isJobKind = (name: string): name is JobKind => Object.hasOwn(jobKinds, name)
