import { useState } from "react"
import type { TrackedOrder } from "../../../src/client/TrackingFrames.ts"
import { wordsOfPin } from "./Words.ts"

type Copying = "not tried" | "copied" | "failed"

const copyWords: Readonly<Record<Copying, string>> = {
  "not tried": "Copy PIN",
  copied: "Copied",
  failed: "Hold the figures to copy them"
}

const CopyButton = ({ pin }: { readonly pin: string }) => {
  const [copying, setCopying] = useState<Copying>("not tried")
  // Browsers have no clipboard for pages that did not come over TLS.
  if (navigator.clipboard === undefined) return null
  const copy = (): Promise<void> =>
    navigator.clipboard.writeText(pin).then(
      () => setCopying("copied"),
      () => setCopying("failed")
    )
  return (
    <button type="button" className="button button-small" onClick={() => void copy()}>
      {copyWords[copying]}
    </button>
  )
}

/** What is told the driver at the door: to be read out, to be copied, and heard figure by figure. */
export const DeliveryPin = ({ order, pin }: { readonly order: TrackedOrder; readonly pin: string }) => {
  const half = Math.ceil(pin.length / 2)
  return (
    <section className="door-pin" aria-labelledby="door-pin-title">
      <h2 id="door-pin-title" className="section-title">
        Your delivery PIN
      </h2>
      <div className="door-pin-line">
        <p className="door-pin-digits">
          <span aria-hidden="true">
            <span>{pin.slice(0, half)}</span>
            <span>{pin.slice(half)}</span>
          </span>
          <span className="visually-hidden">{[...pin].join(" ")}</span>
        </p>
        <CopyButton key={pin} pin={pin} />
      </div>
      <p className="muted">{wordsOfPin(order)}</p>
    </section>
  )
}
