import { isIPv6 } from "node:net"

const unmapped = (address: string): string => (address.startsWith("::ffff:") ? address.slice(7) : address)

/**
 * Who is connected: the socket's peer, or, behind `trustedHops` proxies of our own, what the outermost of them saw. Entries of
 * X-Forwarded-For further left are the client's word and are never read; with 0 hops the header is ignored.
 */
export const peerAddress = (
  socketAddress: string | undefined,
  forwardedFor: string | undefined,
  trustedHops: number
): string => {
  const peer = unmapped(socketAddress ?? "unknown")
  if (trustedHops <= 0 || forwardedFor === undefined) return peer
  const entries = forwardedFor.split(",").map((entry) => unmapped(entry.trim()))
  return entries.at(-trustedHops) ?? peer
}

const groups = (address: string): ReadonlyArray<string> => {
  const [head = "", tail] = address.split("%")[0]?.split("::") ?? []
  const left = head === "" ? [] : head.split(":")
  if (tail === undefined) return left
  const right = tail === "" ? [] : tail.split(":")
  return [...left, ...Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => "0"), ...right]
}

/** What quotas of an address count: IPv4 as it is, IPv6 by its /64, since one household has all of those. */
export const addressKey = (address: string): string =>
  isIPv6(address)
    ? `${groups(address)
        .slice(0, 4)
        .map((group) => group.replace(/^0+(?=.)/, ""))
        .join(":")}::/64`
    : address
