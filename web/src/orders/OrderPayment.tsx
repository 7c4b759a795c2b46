import { useEffect, useState } from "react"
import type { Session } from "../fleet/Session.ts"
import { momentWords } from "./Lateness.ts"
import { moneyWords } from "./MoneyWords.ts"
import type { PaymentAnswer, PaymentView, RefundAnswer } from "./OrderView.ts"
import { type PaymentAction, paymentActionsOf } from "./PaymentActions.ts"
import { PaymentDialog } from "./PaymentDialog.tsx"
import { attemptWords, methodWords, outcomeOf, type PaymentOutcome, paymentWords, refundWords } from "./PaymentWords.ts"
import type { Rights } from "./Rights.ts"
import { useCommand } from "./useCommand.ts"

interface OrderPaymentProps {
  readonly session: Session
  readonly rights: Rights | undefined
  readonly orderId: string
  readonly view: PaymentView
  readonly nowMs: number
  readonly onChanged: () => void
}

/** What was paid, what was asked of the processor, and what can be done about it. */
export const OrderPayment = (props: OrderPaymentProps) => {
  const { payment, refunds, attempts } = props.view
  return (
    <section className="order-payment" aria-labelledby="order-payment">
      <h3 id="order-payment" className="section-title">
        Payment
      </h3>
      <p className="payment-status">
        <strong data-payment={payment.status}>{paymentWords(payment)}</strong>
        <span className="muted">{methodWords(payment)}</span>
      </p>
      <ul className="order-items">
        <Sum name={wasAuthorized.has(payment.status) ? "Authorized" : "Asked for"} words={moneyWords(payment.amount)} />
        {payment.settled.amount === 0 ? null : <Sum name="Captured" words={moneyWords(payment.settled)} />}
        {refunds.map((refund) => (
          <Refund key={refund.id} refund={refund} nowMs={props.nowMs} />
        ))}
      </ul>
      <PaymentCommands {...props} />
      {attempts.length === 0 ? null : (
        <details className="attempts">
          <summary>
            {attempts.length === 1 ? "One attempt" : `${attempts.length.toLocaleString()} attempts`} at the processor
          </summary>
          <ol className="order-items">
            {attempts.map((attempt) => (
              <li key={attempt.number}>
                <span>
                  {attemptWords(attempt)}
                  <span className="timeline-by muted">
                    {momentWords(Date.parse(attempt.attempted_at), props.nowMs)}
                  </span>
                </span>
                <span>{moneyWords(attempt.amount)}</span>
              </li>
            ))}
          </ol>
        </details>
      )}
    </section>
  )
}

const wasAuthorized: ReadonlySet<string> = new Set(["authorized", "settled", "refunded"])

const Sum = ({ name, words }: { readonly name: string; readonly words: string }) => (
  <li>
    <span>{name}</span>
    <span>{words}</span>
  </li>
)

const Refund = ({ refund, nowMs }: { readonly refund: RefundAnswer; readonly nowMs: number }) => (
  <li data-refund={refund.status}>
    <span>
      {refundWords(refund)}
      <span className="timeline-by muted">
        {momentWords(Date.parse(refund.created_at), nowMs)}
        {refund.reason === null ? "" : `, ${refund.reason}`}
      </span>
    </span>
    <span>{refund.status === "failed" ? <s>{moneyWords(refund.amount)}</s> : `− ${moneyWords(refund.amount)}`}</span>
  </li>
)

const PaymentCommands = ({ session, rights, orderId, view, onChanged }: OrderPaymentProps) => {
  const { payment } = view
  const command = useCommand(session, onChanged)
  const [asking, setAsking] = useState<PaymentAction>()
  const [outcome, setOutcome] = useState<PaymentOutcome>()
  const actions = rights?.actor === undefined ? [] : paymentActionsOf(payment, orderId, rights.actor, rights.routes)
  // It may have moved on while somebody thinks about it.
  const isGone = asking !== undefined && command.busy === undefined && !actions.some(({ name }) => name === asking.name)
  useEffect(() => {
    if (isGone) setAsking(undefined)
  }, [isGone])
  const send = async (action: PaymentAction, body: unknown): Promise<void> => {
    const answer = await command.run<PaymentAnswer | RefundAnswer>(action.name, action.path, body)
    if (answer === undefined) return
    setAsking(undefined)
    setOutcome(outcomeOf(action.name, answer))
  }
  const pressed = (action: PaymentAction): void => {
    command.forget()
    setOutcome(undefined)
    setAsking(action)
  }
  return (
    <>
      {actions.length === 0 ? null : (
        <div className="order-buttons">
          {actions.map((action) => (
            <button
              key={action.name}
              type="button"
              className="button button-small"
              disabled={command.busy !== undefined}
              onClick={() => pressed(action)}
            >
              {action.label}
            </button>
          ))}
        </div>
      )}
      <div role="status">
        {outcome === undefined ? null : (
          <p className={outcome.isRefused ? "notice notice-danger" : "notice notice-good"}>{outcome.words}</p>
        )}
      </div>
      <div role="alert">
        {command.problem === undefined || asking !== undefined ? null : (
          <p className="notice notice-danger">{command.problem}</p>
        )}
      </div>
      {asking === undefined ? null : (
        <PaymentDialog
          action={asking}
          payment={payment}
          isBusy={command.busy !== undefined}
          problem={command.problem}
          onAnswer={(body) => void send(asking, body)}
          onCancel={() => setAsking(undefined)}
        />
      )}
    </>
  )
}
