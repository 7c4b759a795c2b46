import type { TrackedOrder } from "../../../src/client/TrackingFrames.ts"

/** What is in the parcel; nothing when the server does not tell. */
export const Contents = ({ order: { contents } }: { readonly order: TrackedOrder }) =>
  contents === undefined || contents.items.length === 0 ? null : (
    <section aria-labelledby="contents-title">
      <h2 id="contents-title" className="section-title">
        {contents.number === undefined ? "Your order" : `Your order ${contents.number}`}
      </h2>
      <ul className="contents">
        {contents.items.map(({ name, quantity }) => (
          <li key={name}>
            {quantity} × {name}
          </li>
        ))}
      </ul>
    </section>
  )
