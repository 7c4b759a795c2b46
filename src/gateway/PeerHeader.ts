import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"

/** The header in which the HTTP listener tells the realtime listener whom it pipes. */
export const peerHeader = "x-dropmate-peer"

/**
 * Signs and reads the peer's address on its way from the HTTP port to the realtime port. The key lives as long as the
 * process, so nobody outside can name an address that is not theirs.
 */
export class PeerHeader {
  private readonly key = randomBytes(32)

  sign(address: string): string {
    return `${address};${this.mac(address).toString("base64url")}`
  }

  /** The address, if the value was signed here. */
  read(value: string): string | undefined {
    const at = value.lastIndexOf(";")
    if (at <= 0) return undefined
    const address = value.slice(0, at)
    const given = Buffer.from(value.slice(at + 1), "base64url")
    const expected = this.mac(address)
    return given.length === expected.length && timingSafeEqual(given, expected) ? address : undefined
  }

  private mac(address: string): Buffer {
    return createHmac("sha256", this.key).update(address).digest()
  }
}
