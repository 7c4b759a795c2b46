import { timeWords } from "../design/Arrival.ts"
import { actorWords, wordsOfEvent } from "./EventWords.ts"
import { momentWords } from "./Lateness.ts"
import type { EventAnswer, OrderView } from "./OrderView.ts"

/** A phone that was offline tells later: from so much on both times are shown. Milliseconds. */
const toldLaterMs = 30_000

/** What has happened, the newest first, with the time it happened and, if that was later, the time it was told. */
export const OrderTimeline = ({ view, nowMs }: { readonly view: OrderView; readonly nowMs: number }) => {
  if (view.events.length === 0) return null
  return (
    <section aria-labelledby="order-timeline">
      <h3 id="order-timeline" className="section-title">
        Timeline
      </h3>
      <ol className="timeline">
        {view.events.toReversed().map((event) => (
          <Entry key={event.id} event={event} names={view.names} nowMs={nowMs} />
        ))}
      </ol>
    </section>
  )
}

interface EntryProps {
  readonly event: EventAnswer
  readonly names: ReadonlyMap<string, string>
  readonly nowMs: number
}

const Entry = ({ event, names, nowMs }: EntryProps) => {
  const [occurredMs, recordedMs] = [Date.parse(event.occurred_at), Date.parse(event.recorded_at)]
  return (
    <li className="timeline-entry">
      <span>
        {wordsOfEvent(event, names)}
        <span className="timeline-by muted">by {actorWords(event, names)}</span>
      </span>
      <span className="timeline-times">
        <time dateTime={event.occurred_at}>{momentWords(occurredMs, nowMs)}</time>
        {recordedMs - occurredMs < toldLaterMs ? null : (
          <span className="timeline-by muted">
            told <time dateTime={event.recorded_at}>{timeWords(recordedMs)}</time>
          </span>
        )}
      </span>
    </li>
  )
}
