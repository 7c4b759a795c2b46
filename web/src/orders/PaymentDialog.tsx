import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react"
import { Dialog } from "../design/Dialog.tsx"
import { amountOf, amountText, moneyWords } from "./MoneyWords.ts"
import type { PaymentAnswer } from "./OrderView.ts"
import { leftOf, type PaymentAction } from "./PaymentActions.ts"

/** What the API takes. */
const reasonCharsMax = 200

interface PaymentDialogProps {
  readonly action: PaymentAction
  readonly payment: PaymentAnswer
  readonly isBusy: boolean
  readonly problem: string | undefined
  readonly onAnswer: (body: unknown) => void
  readonly onCancel: () => void
}

/** Asks once more before money moves. */
export const PaymentDialog = (props: PaymentDialogProps) =>
  props.action.name === "refund" ? <RefundDialog {...props} /> : <MoveDialog {...props} />

const MoveDialog = (props: PaymentDialogProps) => {
  const { action, payment } = props
  const amount = moneyWords(payment.amount)
  return (
    <Frame
      {...props}
      title={action.name === "capture" ? "Capture the payment" : "Void the payment"}
      label={action.name === "capture" ? `Capture ${amount}` : action.label}
      onSubmit={() => props.onAnswer({})}
    >
      <p>
        {action.name === "capture"
          ? `${amount} is taken from the payer now.`
          : `The authorization of ${amount} is given up, and nothing is taken. To pay, a new authorization is needed.`}
      </p>
    </Frame>
  )
}

const RefundDialog = (props: PaymentDialogProps) => {
  const left = leftOf(props.payment)
  const [text, setText] = useState(amountText(left))
  const [reason, setReason] = useState("")
  const [fault, setFault] = useState<string>()
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => field.current?.select(), [])
  const amount = amountOf(text, left.currency)
  const isRefundable = amount !== undefined && amount > 0 && amount <= left.amount
  const submit = (): void => {
    if (!isRefundable) {
      setFault(
        amount !== undefined && amount > left.amount
          ? `No more than ${moneyWords(left)} is left.`
          : `Write an amount such as ${amountText(left)}.`
      )
      return field.current?.focus()
    }
    setFault(undefined)
    const why = reason.trim()
    props.onAnswer({ amount: { amount, currency: left.currency }, ...(why === "" ? {} : { reason: why }) })
  }
  return (
    <Frame
      {...props}
      title="Refund"
      label={isRefundable ? `Refund ${moneyWords({ amount, currency: left.currency })}` : "Refund"}
      onSubmit={submit}
    >
      <p>It goes back to the payer at once. This cannot be undone.</p>
      <label className="field">
        Amount in {left.currency}, at most {amountText(left)}
        <input
          ref={field}
          className="input"
          name="amount"
          inputMode="decimal"
          autoComplete="off"
          aria-invalid={fault === undefined ? undefined : true}
          aria-describedby="refund-fault"
          value={text}
          onChange={(event) => {
            setText(event.target.value)
            setFault(undefined)
          }}
        />
        <span id="refund-fault" role="alert" className="field-problem">
          {fault}
        </span>
      </label>
      <label className="field">
        Reason, seen by staff alone (may be left empty)
        <input
          className="input"
          name="reason"
          maxLength={reasonCharsMax}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
      </label>
    </Frame>
  )
}

interface FrameProps extends PaymentDialogProps {
  readonly title: string
  readonly label: string
  readonly onSubmit: () => void
  readonly children: ReactNode
}

const Frame = ({ action, title, label, isBusy, problem, onSubmit, onCancel, children }: FrameProps) => {
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    onSubmit()
  }
  return (
    <Dialog title={title} onClose={onCancel}>
      <form className="dialog-form" onSubmit={submit} noValidate>
        {children}
        <div role="alert">{problem === undefined ? null : <p className="notice notice-danger">{problem}</p>}</div>
        <div className="dialog-buttons">
          <button type="button" className="button" onClick={onCancel}>
            Back
          </button>
          <button
            type="submit"
            className={`button ${action.name === "void" ? "button-danger" : "button-primary"}`}
            disabled={isBusy}
          >
            {isBusy ? "One moment" : label}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
