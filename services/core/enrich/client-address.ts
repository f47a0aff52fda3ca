import ipaddr from 'ipaddr.js'
import { NO_V4, parseV4 } from '../detect/ip-range.ts'

type AddressRangeName = 'unicast' | 'reserved' | ReturnType<ReturnType<typeof ipaddr.process>['range']>

/**
 * IPv4 blocks that are not routed on the Internet, by the names of ipaddr.js, which has them from the IANA IPv4 Special-Purpose
 * Address Registry; those that nobody asks for apart are reserved.
 */
const SPECIAL_BLOCKS: readonly (readonly [first: number, last: number, name: AddressRangeName])[] = (
  [
    ['0.0.0.0', 8, 'unspecified'],
    ['10.0.0.0', 8, 'private'],
    ['100.64.0.0', 10, 'carrierGradeNat'],
    ['127.0.0.0', 8, 'loopback'],
    ['169.254.0.0', 16, 'linkLocal'],
    ['172.16.0.0', 12, 'private'],
    ['192.0.0.0', 24, 'reserved'],
    ['192.0.2.0', 24, 'reserved'],
    ['192.31.196.0', 24, 'reserved'],
    ['192.52.193.0', 24, 'reserved'],
    ['192.88.99.0', 24, 'reserved'],
    ['192.168.0.0', 16, 'private'],
    ['192.175.48.0', 24, 'reserved'],
    ['198.18.0.0', 15, 'reserved'],
    ['198.51.100.0', 24, 'reserved'],
    ['203.0.113.0', 24, 'reserved'],
    // Multicast, the reserved rest and broadcast.
    ['224.0.0.0', 3, 'reserved']
  ] as const
).map(([base, bits, name]) => {
  const first = parseV4(base)
  return [first, first + 2 ** (32 - bits) - 1, name]
})

/**
 * The kind of network that an address lies in; null for what is no address. Most are dotted quads, which ipaddr.js reads with
 * several regular expressions.
 */
export function addressRange(address: string): AddressRangeName | null {
  const quad = parseV4(address)
  // Names are met as often as addresses, and ipaddr.js tries every spelling on them.
  if (quad === NO_V4 && !address.includes(':') && !/^[0-9a-fx.]+$/i.test(address)) return null
  if (quad === NO_V4) return ipaddr.isValid(address) ? ipaddr.process(address).range() : null
  for (const [first, last, name] of SPECIAL_BLOCKS) if (quad >= first && quad <= last) return name
  return 'unicast'
}

/** True for addresses routed on the Internet; false for private and special ones (IANA registries) and for what is no address. */
export function isPublicAddress(address: string): boolean {
  // The loopback address, from which a control plane's parts talk to each other.
  return address !== '::1' && addressRange(address) === 'unicast'
}

/** The client among a request's source addresses: the first public one, else the first. The API server lists the client first. */
export function clientAddress(addresses: readonly string[]): string | null {
  return addresses.find(isPublicAddress) ?? addresses[0] ?? null
}
