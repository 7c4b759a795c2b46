import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import { expect } from "vitest"
import { Shipments } from "../../src/actors/shipments/Shipments.ts"
import { bareId } from "../../src/domain/Ids.ts"
import type { TaskAction } from "../../src/domain/TaskAction.ts"
import { call } from "./RestCaller.ts"
import type { RestServer } from "./RestServer.ts"

const bare = (kind: "assignment" | "driver", id: string | undefined): string => bareId(kind, id ?? "") ?? ""

/** Reports a shipment's steps as the phone of the driver who has it would send them; `token` is a dispatcher's. */
export const reportSteps = async (
  rest: RestServer,
  token: string,
  shipmentId: string,
  ...actions: ReadonlyArray<TaskAction>
): Promise<void> => {
  const { body } = await call<{ assignment: { id: string; driver_id: string; fencing_token: number } | null }>(
    rest.url,
    "GET",
    `/v1/shipments/${shipmentId}`,
    { token }
  )
  for (const action of actions) {
    const command = {
      commandId: randomUUID(),
      assignmentId: bare("assignment", body.assignment?.id),
      fencingToken: body.assignment?.fencing_token ?? 0,
      action,
      occurredAtMs: Date.now(),
      payload: action === "failed" ? { reason_code: "recipient_absent" as const } : {}
    }
    const driverId = bare("driver", body.assignment?.driver_id)
    const verdict = await rest.run(Effect.flatMap(Shipments, (shipments) => shipments.task(driverId, command)))
    expect([action, verdict.ok, verdict.detail]).toMatchObject([action, true, {}])
  }
}

/** Answers an offer as its driver's phone would. */
export const replyToOffer = async (
  rest: RestServer,
  offer: { readonly assignment_id: string; readonly driver_id: string; readonly fencing_token: number },
  accepted: boolean,
  reason: string | null = null
): Promise<void> => {
  const reply = {
    commandId: randomUUID(),
    assignmentId: bare("assignment", offer.assignment_id),
    fencingToken: offer.fencing_token,
    accepted,
    reason
  }
  const driverId = bare("driver", offer.driver_id)
  const verdict = await rest.run(Effect.flatMap(Shipments, (shipments) => shipments.reply(driverId, reply)))
  expect(verdict.ok).toBe(true)
}
