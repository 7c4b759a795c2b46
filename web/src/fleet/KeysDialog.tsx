import { useEffect, useRef } from "react"

/** What the keyboard does. */
const keys: ReadonlyArray<readonly [key: string, does: string]> = [
  ["/", "search drivers"],
  ["↑ ↓", "walk through the list"],
  ["Enter", "show the driver"],
  ["F", "follow the driver, or stop"],
  ["A", "show the whole fleet"],
  ["Esc", "close, clear, step back"],
  ["?", "this page"]
]

/** The keys, in a dialog. */
export const KeysDialog = ({ onClose }: { readonly onClose: () => void }) => {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog ref={dialog} className="panel keys" aria-labelledby="keys-title" onClose={onClose}>
      <h2 id="keys-title">Keyboard</h2>
      <dl>
        {keys.map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog">
        <button type="submit" className="button button-primary">
          Close
        </button>
      </form>
    </dialog>
  )
}
