import ipaddr from 'ipaddr.js'
import { isPublicAddress } from '../enrich/client-address.ts'

/** Networks in CIDR notation, ready to look addresses up in. */
export type Networks = readonly (readonly [ipaddr.IPv4 | ipaddr.IPv6, number])[]

/**
 * @param cidrs networks such as 198.51.100.0/24, or single addresses
 * @throws Error for a text that is neither
 */
export function networksOf(cidrs: readonly string[]): Networks {
  return cidrs.map((text) => {
    if (text.includes('/')) return ipaddr.parseCIDR(text)
    const address = ipaddr.process(text)
    return [address, address.kind() === 'ipv4' ? 32 : 128]
  })
}

/** As in `CloudEvent.source_kind`. */
export type CloudSourceKind = 'service' | 'private' | 'cluster' | 'outside' | 'public' | 'other'

/** What CloudTrail writes for requests that a service of AWS makes. */
const SERVICE = /(?:^|\.)amazonaws\.com(?:\.cn)?$|^AWS Internal$/

/**
 * What sort of source a request to the cloud came from. Whether a public address is the cluster's own way out, only its operator
 * knows: without `networks` that is not told.
 * @param address as in the record: an address, or the name of a service
 * @param networks the addresses by which the cluster's pods and nodes reach the cloud, their NAT gateways'; empty: not known
 */
export function cloudSourceKind(address: string | null, networks: Networks): CloudSourceKind | null {
  if (address === null) return null
  if (!ipaddr.isValid(address)) return SERVICE.test(address) ? 'service' : 'other'
  const parsed = ipaddr.process(address)
  if (networks.some(([network, bits]) => network.kind() === parsed.kind() && parsed.match(network, bits)))
    return 'cluster'
  if (!isPublicAddress(address)) return 'private'
  return networks.length === 0 ? 'public' : 'outside'
}
