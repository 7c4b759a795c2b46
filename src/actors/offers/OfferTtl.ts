import { Effect } from "effect"
import { Limits } from "../../config/Limits.ts"
import { SettingRepo } from "../../persistence/SettingRepo.ts"

/** How long a driver has to answer, milliseconds: as the request says (seconds), else the setting, else the limit's own. */
export const makeOfferTtl = Effect.gen(function* () {
  const limits = yield* Limits
  const settings = yield* SettingRepo

  return Effect.fnUntraced(function* (askedS: number | undefined) {
    const ttlS = askedS ?? (yield* settings.get("dispatch.offer_ttl_s"))
    const isSound = typeof ttlS === "number" && ttlS >= limits.offerTtlSMin && ttlS <= limits.offerTtlSMax
    return (isSound ? ttlS : limits.offerTtlS) * 1_000
  })
})
