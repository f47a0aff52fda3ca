import ipaddr from 'ipaddr.js'

/** True for addresses routed on the Internet; false for private and special ones (IANA registries) and for what is no address. */
export function isPublicAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast'
}

/** The client among a request's source addresses: the first public one, else the first. The API server lists the client first. */
export function clientAddress(addresses: readonly string[]): string | null {
  return addresses.find(isPublicAddress) ?? addresses[0] ?? null
}
