import { describe, expect, it } from "vitest"
import { addressKey, peerAddress } from "../../src/http/PeerAddress.ts"

describe("who is connected", () => {
  it("is the socket's peer, unless proxies of ours are in front", () => {
    expect(peerAddress("10.1.2.3", "1.1.1.1", 0)).toBe("10.1.2.3")
    expect(peerAddress("::ffff:10.1.2.3", undefined, 1)).toBe("10.1.2.3")
    expect(peerAddress("10.1.2.3", "6.6.6.6, 1.1.1.1", 1)).toBe("1.1.1.1")
    expect(peerAddress("10.1.2.3", "6.6.6.6, 1.1.1.1, 10.0.0.1", 2)).toBe("1.1.1.1")
  })

  it("is counted by its /64 when it is IPv6, however it is written", () => {
    const keys = ["2001:db8:1:2::1", "2001:db8:1:2:ffff:0:0:9", "2001:0db8:0001:0002::abcd"].map(addressKey)
    expect(new Set(keys)).toEqual(new Set(["2001:db8:1:2::/64"]))
    expect(addressKey("2001:db8:1:3::1")).not.toBe(keys[0])
    expect(addressKey("::1")).toBe("0:0:0:0::/64")
    expect(addressKey("192.0.2.7")).toBe("192.0.2.7")
  })
})
