import type { ProofType } from "../../domain/TaskPayload.ts"

/** How far an order is when something is decided about it; between two of them nothing can be decided that could not be before. */
export const orderStages = [
  "draft",
  "submitted",
  "dispatching",
  "offered",
  "assigned",
  "en_route_to_pickup",
  "at_pickup",
  "picked_up",
  "en_route"
] as const

/** One of the stages. */
export type OrderStage = (typeof orderStages)[number]

/** Whether a text names a stage. */
export const isOrderStage = (text: string): text is OrderStage => orderStages.some((stage) => stage === text)

/** What somebody decides, and when. Customers cancel until a driver has the order, the desk after that. */
export type Scene =
  | { readonly act: "cancel"; readonly at: Exclude<OrderStage, "picked_up" | "en_route"> }
  /** Which is refused. */
  | { readonly act: "cancel_too_late"; readonly at: "picked_up" }
  | { readonly act: "reassign"; readonly at: "en_route_to_pickup" | "en_route" }
  | { readonly act: "unassign"; readonly at: "at_pickup" }

/** What is going to happen to an order besides its delivery. What is undefined, luck decides. */
export interface Plot {
  readonly scene?: Scene
  /** `closed_once`: the second driver meets somebody. */
  readonly door?: "closed" | "closed_once" | "open"
  /** Whether the first driver who is on the way with it cannot go on. */
  readonly isHandedOff?: boolean
  readonly proofs?: ReadonlyArray<ProofType>
  readonly isPinMisheard?: boolean
  /** The desk takes the money at once instead of at the delivery. */
  readonly isCapturedEarly?: boolean
  /** What the desk gives back once it has the money. */
  readonly refund?: "part" | "all"
  readonly isTalkedAbout?: boolean
  readonly isGuest?: boolean
  readonly channel?: "web" | "app" | "wechat"
}

const smooth = { door: "open", isHandedOff: false } as const

/** Everything that must happen in any run, each once: what luck would bring only to a long one. */
export const setPieces: ReadonlyArray<Plot> = [
  { ...smooth, proofs: ["pin"], isPinMisheard: true, isTalkedAbout: true },
  { ...smooth, proofs: ["photo", "signature", "pin", "barcode"], channel: "wechat" },
  { ...smooth, proofs: ["signature"], channel: "web" },
  { ...smooth, proofs: ["barcode"], isGuest: true },
  { ...smooth, proofs: ["photo"], isTalkedAbout: true, channel: "app" },
  { ...smooth, proofs: [], refund: "part" },
  { ...smooth, refund: "all" },
  { ...smooth, isHandedOff: true },
  { ...smooth, scene: { act: "reassign", at: "en_route_to_pickup" } },
  { ...smooth, scene: { act: "reassign", at: "en_route" }, isTalkedAbout: true },
  { ...smooth, scene: { act: "unassign", at: "at_pickup" } },
  { ...smooth, scene: { act: "cancel_too_late", at: "picked_up" } },
  { door: "closed_once", isHandedOff: false },
  { door: "closed", isHandedOff: false, isCapturedEarly: true },
  { door: "closed", isHandedOff: false, isCapturedEarly: true, refund: "part" },
  { scene: { act: "cancel", at: "draft" } },
  { scene: { act: "cancel", at: "submitted" } },
  { scene: { act: "cancel", at: "dispatching" } },
  { scene: { act: "cancel", at: "offered" } },
  { scene: { act: "cancel", at: "assigned" } },
  { scene: { act: "cancel", at: "en_route_to_pickup" } },
  { scene: { act: "cancel", at: "at_pickup" }, isCapturedEarly: true }
]
