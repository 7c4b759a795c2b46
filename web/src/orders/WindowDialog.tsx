import { type FormEvent, useState } from "react"
import { Dialog } from "../design/Dialog.tsx"
import type { TimeWindow } from "./BoardOrder.ts"
import { localText, timeOfLocal } from "./LocalTime.ts"
import type { QuestionProps } from "./OrderCommands.tsx"

interface WindowDialogProps extends QuestionProps {
  readonly window: TimeWindow | null
}

/** Asks for another window. */
export const WindowDialog = ({ action, window, isBusy, problem, onAnswer, onCancel }: WindowDialogProps) => {
  const [start, setStart] = useState(window === null ? "" : localText(Date.parse(window.start)))
  const [end, setEnd] = useState(window === null ? "" : localText(Date.parse(window.end)))
  const [fault, setFault] = useState<string>()
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    const [from, to] = [timeOfLocal(start), timeOfLocal(end)]
    if (from === undefined || to === undefined) return setFault("Say from when and until when.")
    if (from >= to) return setFault("The window has to begin before it ends.")
    setFault(undefined)
    onAnswer({ window: { start: from, end: to } })
  }
  const said = fault ?? problem
  return (
    <Dialog title={action.label} onClose={onCancel}>
      <form className="dialog-form" onSubmit={submit} noValidate>
        <p>The customer is told of the new window.</p>
        <WindowFields start={start} end={end} onStart={setStart} onEnd={setEnd} />
        <div role="alert">{said === undefined ? null : <p className="notice notice-danger">{said}</p>}</div>
        <div className="dialog-buttons">
          <button type="button" className="button" onClick={onCancel}>
            Back
          </button>
          <button type="submit" className="button button-primary" disabled={isBusy}>
            {isBusy ? "One moment" : action.label}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

interface WindowFieldsProps {
  readonly start: string
  readonly end: string
  readonly onStart: (text: string) => void
  readonly onEnd: (text: string) => void
}

/** From when and until when. */
export const WindowFields = ({ start, end, onStart, onEnd }: WindowFieldsProps) => (
  <div className="field-pair">
    <label className="field">
      From
      <input
        className="input"
        type="datetime-local"
        name="window-start"
        value={start}
        onChange={(event) => onStart(event.target.value)}
      />
    </label>
    <label className="field">
      Until
      <input
        className="input"
        type="datetime-local"
        name="window-end"
        value={end}
        onChange={(event) => onEnd(event.target.value)}
      />
    </label>
  </div>
)
