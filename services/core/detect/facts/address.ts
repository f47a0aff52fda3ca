import ipaddr from 'ipaddr.js'
import { addressRange } from '../../enrich/client-address.ts'
import { remembered } from '../../remembered.ts'
import { NO_V4, parseV4 } from '../ip-range.ts'

/** What sort of address: metadata is where clouds answer for the credentials of a machine or a pod. */
export type AddressKind = 'public' | 'private' | 'loopback' | 'link_local' | 'metadata' | 'unspecified' | 'other'

/**
 * Addresses of metadata services: AWS, Azure, GCP, Oracle and most others (169.254.169.254), AWS tasks and pods
 * (169.254.170.2, 169.254.170.23), their IPv6 twins, Alibaba Cloud (100.100.100.200), Azure's wire server (168.63.129.16).
 * Source: the providers' documentation of their instance metadata services.
 */
const METADATA: ReadonlySet<string> = new Set([
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '168.63.129.16',
  '100.100.100.200',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254'
])

/** Names under which clouds' own resolvers give those addresses. Source: the providers' documentation, as above. */
const METADATA_NAMES: ReadonlySet<string> = new Set([
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'metadata.azure.internal',
  'metadata.tencentyun.com',
  'instance-data',
  'instance-data.ec2.internal'
])

/** By the names of ipaddr.js. */
const KINDS: Readonly<Record<string, AddressKind>> = {
  unicast: 'public',
  loopback: 'loopback',
  linkLocal: 'link_local',
  private: 'private',
  uniqueLocal: 'private',
  carrierGradeNat: 'private',
  unspecified: 'unspecified'
}

/** @param address a valid one */
const usualSpelling = (address: string): string =>
  parseV4(address) === NO_V4 ? ipaddr.process(address).toString() : address

/** @returns null when the text is no address */
export function addressKind(address: string | null): AddressKind | null {
  const range = address === null ? null : addressRange(address)
  if (address === null || range === null) return null
  if (METADATA.has(usualSpelling(address))) return 'metadata'
  return KINDS[range] ?? 'other'
}

/** The network an address is in, /24 for IPv4 and /48 for IPv6: near enough to tell one site from another. */
export function networkOf(address: string | null): string | null {
  if (address === null) return null
  if (parseV4(address) !== NO_V4) return `${address.slice(0, address.lastIndexOf('.'))}.0/24`
  if (!ipaddr.isValid(address)) return null
  const parsed = ipaddr.process(address)
  const bits = parsed.kind() === 'ipv4' ? 24 : 48
  const text = `${parsed.toString()}/${bits}`
  return parsed.kind() === 'ipv4'
    ? `${ipaddr.IPv4.networkAddressFromCIDR(text).toString()}/${bits}`
    : `${ipaddr.IPv6.networkAddressFromCIDR(text).toString()}/${bits}`
}

/** What rules ask about an address. */
export interface AddressFacts {
  readonly kind: AddressKind | null
  readonly network: string | null
}

const NO_ADDRESS: AddressFacts = { kind: null, network: null }
const facts = remembered((address) => ({ kind: addressKind(address), network: networkOf(address) }))

/** Kind and network of an address, remembered: most events come from few addresses, and parsing one costs more than all else. */
export function addressFacts(address: string | null): AddressFacts {
  return address === null ? NO_ADDRESS : facts(address)
}

/** Kind of a host by its name or address; cluster for names that only the cluster's own resolver knows. */
export type HostKind = AddressKind | 'name' | 'cluster'

/** Of a name: a name without a dot is completed by the resolver's search domains, which are the cluster's own. */
function nameKind(name: string): HostKind {
  if (METADATA_NAMES.has(name)) return 'metadata'
  return name === 'localhost' || !name.includes('.') || /\.(?:svc|cluster\.local|localhost)$/.test(name)
    ? 'cluster'
    : 'name'
}

/** A host named in a command line. */
export interface UrlFact {
  /** Null for a host that is written without one, as curl and wget take it. */
  readonly scheme: string | null
  /** In lower case, addresses in their usual spelling. */
  readonly host: string
  readonly port: number | null
  readonly path: string
  readonly kind: HostKind
}

const MAX_URLS = 16
const URL_PATTERN = /\b(https?|ftp|tcp|stratum\+(?:tcp|ssl)|socks5?|wss?):\/\/([^\s'"`<>|;)]{1,512})/gi

/** A word that is an address or one of the metadata services' names, with port and path, and without scheme. */
const BARE_PATTERN =
  /(?<=^|[\s'"`=(])((?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|0x[0-9a-f]{8}|[0-9]{9,10}|metadata\.[a-z.]{1,24}|instance-data(?:\.ec2\.internal)?)(?::[0-9]{1,5})?(?:\/[^\s'"`<>|;)]{0,512})?)(?=$|[\s'"`<>|;)])/gi

function urlOf(scheme: string | null, rest: string): UrlFact | null {
  const authority = rest.split(/[/?#]/, 1)[0] ?? ''
  const path = rest.slice(authority.length)
  const afterUser = authority.slice(authority.lastIndexOf('@') + 1).toLowerCase()
  const found = /^(\[[0-9a-f:.]+\]|[^:]*)(?::(\d{1,5}))?$/.exec(afterUser)
  const host = (found?.[1] ?? '').replace(/^\[|\]$/g, '').replace(/\.$/, '')
  if (host === '') return null
  // A host may be an address written as one number or in octal or hexadecimal parts, as inet_aton and most clients read it.
  const isOddly = parseV4(host) === NO_V4 && /^[0-9a-fx.:]+$/.test(host) && ipaddr.isValid(host)
  const address = isOddly ? usualSpelling(host) : host
  return {
    scheme: scheme?.toLowerCase() ?? null,
    host: address,
    port: found?.[2] === undefined ? null : Number(found[2]),
    path,
    kind: addressKind(address) ?? nameKind(host)
  }
}

/** Without a scheme a number or a word may be anything: only what leads to a metadata service, and dotted addresses, count. */
function bareHostOf(word: string): UrlFact | null {
  const host = urlOf(null, word)
  return host !== null && (host.kind === 'metadata' || /^\d{1,3}\.\d/.test(word)) && host.kind !== 'name' ? host : null
}

/** URLs and addresses in a text such as a command line, at most 16, those with a scheme first. */
export function urlsIn(text: string | null): readonly UrlFact[] {
  if (text === null) return []
  const found: UrlFact[] = []
  const add = (url: UrlFact | null) => {
    if (url !== null) found.push(url)
    return found.length < MAX_URLS
  }
  for (const [, scheme = '', rest = ''] of text.matchAll(URL_PATTERN)) if (!add(urlOf(scheme, rest))) return found
  for (const [, word = ''] of text.matchAll(BARE_PATTERN)) if (!add(bareHostOf(word))) return found
  return found
}
