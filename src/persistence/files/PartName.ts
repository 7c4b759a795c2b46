import { randomBytes } from "node:crypto"

/** A part's name: where it begins, how long it is, and which attempt it was, so that one that comes late changes no other. */
export const partName = (offset: number, bytes: number): string =>
  `${String(offset).padStart(12, "0")}-${bytes}-${randomBytes(8).toString("hex")}`
