/**
 * A peer's address as connections are counted by it: an IPv4 address as its 32 bits, which cost a connection nothing (the text
 * is an object of 32 bytes for each), every other address as its text.
 */
export type CountedAddress = number | string

const ipv4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/

/** What stands for an address in its usual text form. */
export const countedAddress = (address: string): CountedAddress => {
  const bytes = ipv4.exec(address)?.slice(1).map(Number)
  if (bytes === undefined || bytes.some((byte) => byte > 255)) return address
  return bytes.reduce((bits, byte) => (bits << 8) | byte, 0)
}
