import { type FormEvent, useEffect, useRef, useState } from "react"
import { Dialog } from "../design/Dialog.tsx"
import type { QuestionProps } from "./OrderCommands.tsx"

const reasonCharsMax = 200

const consequences: Readonly<Record<string, string>> = {
  cancel: "The customer is told, and what was taken from stock goes back. This cannot be undone.",
  unassign: "The driver is told, and the order waits for another one."
}

/** Asks why, where a reason may or must be given. */
export const ReasonDialog = ({ action, isBusy, problem, onAnswer, onCancel }: QuestionProps) => {
  const [reason, setReason] = useState("")
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => field.current?.focus(), [])
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    const text = reason.trim()
    if (action.isReasonNeeded && text === "") return field.current?.focus()
    onAnswer(text === "" ? {} : { reason: text })
  }
  return (
    <Dialog title={action.label} onClose={onCancel}>
      <form className="dialog-form" onSubmit={submit}>
        <p>{consequences[action.name]}</p>
        <label className="field">
          {action.isReasonNeeded ? "Reason" : "Reason (may be left empty)"}
          <input
            ref={field}
            className="input"
            name="reason"
            maxLength={reasonCharsMax}
            required={action.isReasonNeeded}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
          />
        </label>
        <div role="alert">{problem === undefined ? null : <p className="notice notice-danger">{problem}</p>}</div>
        <div className="dialog-buttons">
          <button type="button" className="button" onClick={onCancel}>
            Back
          </button>
          <button
            type="submit"
            className={`button ${action.name === "cancel" ? "button-danger" : "button-primary"}`}
            disabled={isBusy}
          >
            {isBusy ? "One moment" : action.label}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
