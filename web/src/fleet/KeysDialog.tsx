import { Dialog } from "../design/Dialog.tsx"

/** What the keyboard does. */
const keys: ReadonlyArray<readonly [key: string, does: string]> = [
  ["/", "search drivers or orders"],
  ["↑ ↓", "walk through the list"],
  ["Enter", "open the driver or the order"],
  ["D", "the drivers"],
  ["O", "the orders"],
  ["N", "a new order"],
  ["F", "follow the driver, or stop"],
  ["A", "show the whole fleet"],
  ["Esc", "close, clear, step back"],
  ["?", "this page"]
]

/** The keys, in a dialog. */
export const KeysDialog = ({ onClose }: { readonly onClose: () => void }) => (
  <Dialog title="Keyboard" onClose={onClose}>
    <dl className="keys">
      {keys.map(([key, does]) => (
        <div key={key}>
          <dt>
            <kbd>{key}</kbd>
          </dt>
          <dd>{does}</dd>
        </div>
      ))}
    </dl>
  </Dialog>
)
