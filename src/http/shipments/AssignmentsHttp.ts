import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { explainAssignment, type LoggedEvent } from "../../domain/Explanation.ts"
import { isShipmentEventType, type ShipmentEvent } from "../../domain/ShipmentEvent.ts"
import { theRow } from "../../persistence/RowAbsent.ts"
import { OfferRepo } from "../../persistence/shipments/OfferRepo.ts"
import { type EventRow, ShipmentEventRepo } from "../../persistence/shipments/ShipmentEventRepo.ts"
import { ShipmentRepo } from "../../persistence/shipments/ShipmentRepo.ts"
import { Api } from "../Api.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import { showExplanation } from "./ShownExplanation.ts"

const loggedOf = ({ type, data, ...row }: EventRow): ReadonlyArray<LoggedEvent> =>
  isShipmentEventType(type)
    ? [
        {
          event: { type, data } as ShipmentEvent,
          at: row.occurred_at,
          by: { kind: row.actor_kind, id: row.actor_id ?? undefined },
          cause: row.cause
        }
      ]
    : []

/** Handlers of AssignmentsApi. */
export const AssignmentsHttp = HttpApiBuilder.group(
  Api,
  "assignments",
  Effect.fnUntraced(function* (handlers) {
    const scope = yield* PrincipalScope
    const shipments = yield* ShipmentRepo
    const offers = yield* OfferRepo
    const log = yield* ShipmentEventRepo

    const explained = Effect.fnUntraced(function* (id: string) {
      const { shipment_id } = yield* shipments.assignment(id)
      const asked = yield* offers.askedFor(shipment_id)
      const row = yield* theRow(
        "assignment",
        id,
        asked.filter((each) => each.id === id)
      )
      const events = yield* log.ofOrder(yield* shipments.orderIdOf(shipment_id))
      return showExplanation(row, explainAssignment(events.flatMap(loggedOf), id))
    })

    return handlers.handleAll({
      explanation: ({ params }) => scope.run(explained(params.id))
    })
  })
)
