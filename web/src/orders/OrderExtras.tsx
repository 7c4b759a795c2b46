import { useState } from "react"
import type { Session } from "../fleet/Session.ts"
import { momentWords } from "./Lateness.ts"
import { moneyWords } from "./MoneyWords.ts"
import type { OrderView, ProofAnswer } from "./OrderView.ts"
import { problemWords } from "./ProblemWords.ts"

const proofNames: Readonly<Record<string, string>> = {
  photo: "Photo",
  signature: "Signature",
  pin: "PIN",
  barcode: "Barcode",
  note: "Note"
}

const proofStatusWords: Readonly<Record<string, string>> = {
  pending: "not uploaded yet",
  missing: "never uploaded"
}

const isWebAddress = (url: unknown): url is string => typeof url === "string" && /^(https?:\/)?\//.test(url)

interface ProofProps {
  readonly session: Session
  readonly proof: ProofAnswer
}

const Proof = ({ session, proof }: ProofProps) => {
  const [problem, setProblem] = useState<string>()
  const open = async (): Promise<void> => {
    setProblem(undefined)
    // Opened at once: a window that waits for an answer is taken for an advertisement and blocked.
    const page = window.open("", "_blank")
    try {
      const { url } = await session.rest.get<{ readonly url: unknown }>(`/v1/files/${proof.file_id}/download`)
      if (!isWebAddress(url)) throw new Error("no address")
      if (page !== null) page.location.href = url
    } catch (cause) {
      page?.close()
      setProblem(problemWords(cause))
    }
  }
  return (
    <li>
      <span>
        {proofNames[proof.type] ?? proof.type}
        {proof.value === null ? "" : `: ${proof.value}`}
        {proofStatusWords[proof.status] === undefined ? "" : `, ${proofStatusWords[proof.status]}`}
        {problem === undefined ? null : <span className="field-problem">{problem}</span>}
      </span>
      {proof.file_id === null || proof.status !== "added" ? null : (
        <button type="button" className="button button-small" onClick={() => void open()}>
          Open
        </button>
      )}
    </li>
  )
}

/** How the delivery was proved; nothing when there is no proof. */
export const OrderProofs = ({ session, view }: { readonly session: Session; readonly view: OrderView }) =>
  view.proofs.length === 0 ? null : (
    <section aria-labelledby="order-proofs">
      <h3 id="order-proofs" className="section-title">
        Proofs
      </h3>
      <ul className="order-items">
        {view.proofs.map((proof) => (
          <Proof key={proof.id} session={session} proof={proof} />
        ))}
      </ul>
    </section>
  )

/** What was paid; nothing when there is no payment. */
export const OrderPayment = ({ view: { payment } }: { readonly view: OrderView }) =>
  payment === undefined ? null : (
    <section aria-labelledby="order-payment">
      <h3 id="order-payment" className="section-title">
        Payment
      </h3>
      <ul className="order-items">
        <li>
          <span>{payment.status.charAt(0).toLocaleUpperCase() + payment.status.slice(1)}</span>
          <span>{moneyWords(payment.amount)}</span>
        </li>
      </ul>
    </section>
  )

const authors: Readonly<Record<string, string>> = {
  customer: "Customer",
  driver: "Driver",
  dispatcher: "Dispatch",
  admin: "Dispatch",
  support: "Support",
  system: "System"
}

/** What was written about the order; nothing when nobody wrote. */
export const OrderMessages = ({ view, nowMs }: { readonly view: OrderView; readonly nowMs: number }) =>
  view.messages.length === 0 ? null : (
    <section aria-labelledby="order-messages">
      <h3 id="order-messages" className="section-title">
        Messages
      </h3>
      <ol className="messages">
        {view.messages.map((message) => (
          <li key={message.id}>
            <p className="muted">
              {authors[message.author_role] ?? message.author_role},{" "}
              {momentWords(Date.parse(message.created_at), nowMs)}
            </p>
            <p>{message.text ?? "Deleted"}</p>
          </li>
        ))}
      </ol>
    </section>
  )
