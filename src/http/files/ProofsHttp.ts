import { Clock, Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { makeProofWaiver } from "../../actors/files/ProofWaiver.ts"
import { Limits } from "../../config/Limits.ts"
import { OrderRepo } from "../../persistence/orders/OrderRepo.ts"
import { ProofRepo, type ProofRow } from "../../persistence/shipments/ProofRepo.ts"
import { ShipmentRepo } from "../../persistence/shipments/ShipmentRepo.ts"
import { Api } from "../Api.ts"
import { idCursor } from "../Cursor.ts"
import { Idempotency } from "../Idempotency.ts"
import { knownOrder } from "../orders/OwnOrder.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import { requestOrigin } from "../RequestOrigin.ts"
import { type Proof, ProofList } from "./ProofsApi.ts"

const proofCursor = idCursor("proofs")

/** Handlers of ProofsApi. */
export const ProofsHttp = HttpApiBuilder.group(
  Api,
  "proofs",
  Effect.fnUntraced(function* (handlers) {
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const idempotency = yield* Idempotency
    const rows = yield* ProofRepo
    const orders = yield* OrderRepo
    const shipments = yield* ShipmentRepo
    const waive = yield* makeProofWaiver

    const missingBefore = Effect.map(Clock.currentTimeMillis, (nowMs) => new Date(nowMs - limits.proofMissingMs))

    const showAt =
      (before: Date) =>
      ({ sha256, created_at, ...proof }: ProofRow): typeof Proof.Type => ({
        ...proof,
        sha256: sha256 === null ? null : Buffer.from(sha256).toString("hex"),
        status: proof.added_at !== null ? "added" : created_at < before ? "missing" : "pending"
      })

    const listOf = Effect.fnUntraced(function* (shipmentId: string) {
      const show = showAt(yield* missingBefore)
      return { data: (yield* rows.ofShipment(shipmentId)).map(show), next_cursor: null, has_more: false }
    })

    return handlers.handleAll({
      list: Effect.fn("ProofsHttp.list")(function* ({ query }) {
        const limit = query.limit ?? limits.listLimitDefault
        const beforeId = yield* proofCursor.read(query.cursor)
        const before = yield* missingBefore
        const found = yield* scope.run(
          rows.list({
            isAdded: query.status === undefined ? undefined : query.status === "added",
            createdBefore: query.status === "missing" ? before : undefined,
            beforeId,
            limit: limit + 1
          })
        )
        return proofCursor.page(found, limit, (row) => row.id, showAt(before))
      }),
      ofShipment: Effect.fn("ProofsHttp.ofShipment")(function* ({ params }) {
        return yield* scope.run(
          Effect.gen(function* () {
            yield* knownOrder(orders, yield* shipments.orderIdOf(params.id))
            return yield* listOf(params.id)
          })
        )
      }),
      waive: Effect.fn("ProofsHttp.waive")(function* ({ params, payload }) {
        const waived = waive(params.id, payload.type, payload.reason, yield* requestOrigin)
        return yield* idempotency.once({ status: 200, success: ProofList }, Effect.andThen(waived, listOf(params.id)))
      })
    })
  })
)
