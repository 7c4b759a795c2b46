import { Clock, Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Limits } from "../../config/Limits.ts"
import { BoardRepo, type BoardRow } from "../../persistence/orders/BoardRepo.ts"
import { Api } from "../Api.ts"
import { idCursor } from "../Cursor.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import type { BoardOrder } from "./BoardApi.ts"
import { showMoney } from "./CommerceField.ts"

const boardCursor = idCursor("board")

const showEta = (row: BoardRow): typeof BoardOrder.Type.eta => {
  const { estimated_arrival_at: p50_at, estimated_arrival_p90_at: p90_at, estimated_at: computed_at } = row
  return p50_at === null || p90_at === null || computed_at === null ? null : { p50_at, p90_at, computed_at }
}

const showRow = (row: BoardRow): typeof BoardOrder.Type => ({
  id: row.id,
  external_id: row.external_id,
  status: row.status,
  customer_name: row.customer_name,
  address: { line1: row.line1, city: row.city },
  pieces: row.pieces,
  total: showMoney(row.total, row.currency),
  window:
    row.window_start === null || row.window_end === null ? null : { start: row.window_start, end: row.window_end },
  shipment_id: row.shipment_id,
  shipment_status: row.shipment_status,
  is_picked_up: row.is_picked_up ?? false,
  is_offered: row.is_offered,
  promised_arrival_at: row.promised_arrival_at,
  eta: showEta(row),
  driver: row.driver_id === null || row.driver_name === null ? null : { id: row.driver_id, name: row.driver_name },
  created_at: row.created_at,
  changed_at: row.changed_at,
  ended_at: row.ended_at
})

/** Handlers of BoardApi. */
export const BoardHttp = HttpApiBuilder.group(
  Api,
  "board",
  Effect.fnUntraced(function* (handlers) {
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const board = yield* BoardRepo

    return handlers.handleAll({
      list: Effect.fn("BoardHttp.list")(function* ({ query }) {
        const limit = query.limit ?? limits.listLimitDefault
        const beforeId = yield* boardCursor.read(query.cursor)
        const endedSince = new Date((yield* Clock.currentTimeMillis) - limits.boardEndedMs)
        const filter = { endedSince, changedSince: query.changed_since, beforeId, limit: limit + 1 }
        return boardCursor.page(yield* scope.run(board.list(filter)), limit, (row) => row.id, showRow)
      })
    })
  })
)
