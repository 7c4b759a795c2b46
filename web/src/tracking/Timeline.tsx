import type { TimelineEvent } from "../../../src/client/TrackingFrames.ts"
import { timeWords } from "../design/Arrival.ts"
import { wordsOfEvent } from "./Words.ts"

/** What has happened, the newest first. */
export const Timeline = ({ events }: { readonly events: ReadonlyArray<TimelineEvent> }) => {
  const told = events.filter((event) => wordsOfEvent(event) !== undefined).toReversed()
  if (told.length === 0) return null
  return (
    <section aria-labelledby="timeline-title">
      <h2 id="timeline-title" className="section-title">
        So far
      </h2>
      <ol className="timeline">
        {told.map((event) => (
          <li key={event.offset} className="timeline-entry">
            <span>{wordsOfEvent(event)}</span>
            <time className="muted" dateTime={new Date(event.occurredAt).toISOString()}>
              {timeWords(event.occurredAt)}
            </time>
          </li>
        ))}
      </ol>
    </section>
  )
}
