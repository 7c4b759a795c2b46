import { describe, expect, it } from "vitest"
import { countedAddress } from "../../src/gateway/CountedAddress.ts"

describe("an address that connections are counted by", () => {
  it("is a small integer for IPv4, another one for each address", () => {
    const addresses = ["0.0.0.0", "0.0.0.1", "0.0.1.0", "10.0.0.1", "127.0.0.1", "192.0.2.7", "255.255.255.255"]
    const counted = addresses.map(countedAddress)
    expect(new Set(counted).size).toBe(addresses.length)
    for (const address of counted) expect(address).toBe((address as number) | 0)
  })

  it("is the text itself for everything else", () => {
    for (const address of ["::1", "2001:db8::7", "::ffff:10.0.0.1", "10.0.0.256", "10.0.0", ""])
      expect(countedAddress(address)).toBe(address)
  })
})
