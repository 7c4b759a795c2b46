import { Clock, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { Limits } from "../../config/Limits.ts"
import type { WantedOffer } from "../../domain/OfferDecision.ts"
import { newId } from "../../persistence/NewId.ts"
import { systemOn } from "../../persistence/RowScope.ts"
import { OfferRepo } from "../../persistence/shipments/OfferRepo.ts"
import { makeOfferTtl } from "../offers/OfferTtl.ts"

/** Whom a driver who hands a parcel off wants it offered to, until when (Unix milliseconds). */
export type NextDriver = WantedOffer & { readonly expiresAtMs: number }

/**
 * Looks at the driver whom a hand-off names. A driver may not read another one's row, so this is asked before the transaction of the
 * command, as the server itself; an unknown driver and one who may not work are answered alike: null.
 */
export const makeHandOver = Effect.gen(function* () {
  const limits = yield* Limits
  const sql = yield* SqlClient.SqlClient
  const offers = yield* OfferRepo
  const ttlMs = yield* makeOfferTtl

  return Effect.fnUntraced(function* (fromId: string, toId: string | undefined) {
    if (toId === undefined) return undefined
    if (toId === fromId) return null
    const [driver] = yield* systemOn(sql)(offers.workOf(nobodys, [toId]))
    const isFit = driver?.employment_status === "active" && driver.open_offers < limits.openOffersPerDriverMax
    if (!isFit) return null
    const next: NextDriver = {
      assignmentId: yield* newId,
      driverId: toId,
      expiresAtMs: (yield* Clock.currentTimeMillis) + (yield* ttlMs(undefined))
    }
    return next
  })
})

// All offers of the driver count, whatever shipment they are of.
const nobodys = "00000000-0000-0000-0000-000000000000"
