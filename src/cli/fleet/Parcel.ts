import type { ShipmentStatus } from "../../domain/Shipment.ts"

/** What a driver finds at a parcel and at its door that no app tells. */
export interface Parcel {
  /** What is printed on it; undefined: nothing. */
  readonly barcode: string | undefined
  /** What the customer reads from their page; undefined until they see it. */
  readonly pin: string | undefined
  /** The driver understands another PIN at first. */
  readonly isPinMisheard: boolean
  /** Whether somebody opens; undefined: as the driver's luck has it. */
  readonly isOpened: boolean | undefined
  /** Whether the driver who is on the way with it cannot go on; undefined likewise. */
  readonly isHandedOff: boolean | undefined
  /** Where its driver waits, since somebody is about to decide about it. */
  readonly holdsAt: ShipmentStatus | undefined
  /** Its driver writes to the customer. */
  readonly isTalkedAbout: boolean
  /** A driver turns to it. */
  readonly begun: () => void
}

/** Finds the parcel of a shipment; undefined: nothing is special about it. */
export type ParcelSource = (shipmentId: string) => Parcel | undefined
