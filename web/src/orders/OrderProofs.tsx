import type { Session } from "../fleet/Session.ts"
import { FileButton } from "./FileButton.tsx"
import type { OrderView, ProofAnswer } from "./OrderView.ts"

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

const Proof = ({ session, proof }: { readonly session: Session; readonly proof: ProofAnswer }) => (
  <li>
    <span>
      {proofNames[proof.type] ?? proof.type}
      {proof.value === null ? "" : `: ${proof.value}`}
      {proofStatusWords[proof.status] === undefined ? "" : `, ${proofStatusWords[proof.status]}`}
    </span>
    {proof.file_id === null || proof.status !== "added" ? null : (
      <FileButton session={session} fileId={proof.file_id} label="Open" />
    )}
  </li>
)

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
