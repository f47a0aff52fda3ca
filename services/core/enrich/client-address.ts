import ipaddr from 'ipaddr.js'

const DOT = 0x2e

/**
 * A dotted quad as a number, by far the commonest form of an address; null for anything else, also for quads with leading zeros,
 * which some readers take for octal.
 */
function dottedQuad(text: string): number | null {
  if (text.length < 7 || text.length > 15) return null
  let value = 0
  let part = -1
  let dots = 0
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code === DOT) {
      if (part === -1) return null
      value = value * 256 + part
      part = -1
      dots += 1
    } else {
      const digit = code - 0x30
      if (!(digit >= 0 && digit <= 9) || part === 0) return null
      part = part === -1 ? digit : part * 10 + digit
      if (part > 255) return null
    }
  }
  return dots === 3 && part !== -1 ? value * 256 + part : null
}

/** IPv4 blocks that are not routed on the Internet, as ipaddr.js has them from the IANA IPv4 Special-Purpose Address Registry. */
const SPECIAL_BLOCKS: readonly (readonly [first: number, last: number])[] = (
  [
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
    ['172.16.0.0', 12],
    ['192.0.0.0', 24],
    ['192.0.2.0', 24],
    ['192.31.196.0', 24],
    ['192.52.193.0', 24],
    ['192.88.99.0', 24],
    ['192.168.0.0', 16],
    ['192.175.48.0', 24],
    ['198.18.0.0', 15],
    ['198.51.100.0', 24],
    ['203.0.113.0', 24],
    // Multicast, the reserved rest and broadcast.
    ['224.0.0.0', 3]
  ] as const
).map(([base, bits]) => {
  const first = dottedQuad(base) ?? 0
  return [first, first + 2 ** (32 - bits) - 1]
})

/** True for addresses routed on the Internet; false for private and special ones (IANA registries) and for what is no address. */
export function isPublicAddress(address: string): boolean {
  const quad = dottedQuad(address)
  // The loopback address, from which a control plane's parts talk to each other.
  if (address === '::1') return false
  if (quad === null) return ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast'
  for (const [first, last] of SPECIAL_BLOCKS) if (quad >= first && quad <= last) return false
  return true
}

/** The client among a request's source addresses: the first public one, else the first. The API server lists the client first. */
export function clientAddress(addresses: readonly string[]): string | null {
  return addresses.find(isPublicAddress) ?? addresses[0] ?? null
}
