import type { Frame } from "../../src/protocol/FrameCodec.ts"
import { DriverClientFrame, DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { until } from "./Until.ts"
import { commandId, type WireClient } from "./WireClient.ts"

/** An OFFER as a phone got it. */
export interface HeardOffer {
  readonly offerId: string
  readonly assignmentId: string
  readonly shipment: {
    readonly shipment_id: string
    readonly order_ref: string
    readonly stops: ReadonlyArray<{ readonly type: string; readonly lat: number }>
    readonly distance_m: number
  }
  readonly fencingToken: number
  readonly expiresAt: number
}

/** What a RESULT says of a command that was not done. */
export interface ReplyDetail {
  readonly code?: string
  readonly status?: string
  readonly shipment_status?: string
}

const readHeard = ([, offerId, assignmentId, shipment, fencingToken, expiresAt]: Frame): HeardOffer =>
  ({ offerId, assignmentId, shipment, fencingToken, expiresAt }) as HeardOffer

/** Every OFFER that a phone got, in order. */
export const offersHeard = (phone: WireClient): ReadonlyArray<HeardOffer> =>
  phone.of(DriverServerFrame.offer).map(readHeard)

/** Waits for an OFFER of a shipment (bare UUID). */
export const offerHeard = async (phone: WireClient, shipmentId: string): Promise<HeardOffer> => {
  const find = () => offersHeard(phone).findLast((each) => each.shipment.shipment_id === `shp_${shipmentId}`)
  const heard = await until("OFFER", find, (offer) => offer !== undefined)
  if (heard === undefined) throw new Error("the OFFER was there")
  return heard
}

/** Waits for the end of an offer; answers its reason. */
export const goneHeard = async (phone: WireClient, offerId: string): Promise<unknown> => {
  const find = () => phone.of(DriverServerFrame.offerGone).find((frame) => frame[1] === offerId)
  return (
    await until(
      "OFFER_GONE",
      () => find() ?? null,
      (frame) => frame !== null
    )
  )?.[2]
}

/** What a test varies in an answer. */
export interface ReplyMore {
  readonly id?: string
  readonly accepted?: unknown
  readonly reason?: unknown
  readonly token?: unknown
}

/** Answers an offer and waits for the RESULT. */
export const reply = async (
  phone: WireClient,
  offer: Pick<HeardOffer, "offerId" | "fencingToken">,
  more: ReplyMore = {}
): Promise<readonly [ok: boolean, detail: ReplyDetail]> => {
  const id = more.id ?? commandId()
  phone.send([
    DriverClientFrame.offerReply,
    id,
    offer.offerId,
    more.token ?? offer.fencingToken,
    more.accepted ?? true,
    more.reason ?? null
  ])
  const result = await until(
    "RESULT",
    () => phone.of(DriverServerFrame.result).find((frame) => frame[1] === id) ?? null,
    (frame) => frame !== null
  )
  return [result?.[2] as boolean, (result?.[3] ?? {}) as ReplyDetail]
}
