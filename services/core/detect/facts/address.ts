import ipaddr from 'ipaddr.js'
import { isPublicAddress } from '../../enrich/client-address.ts'

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

const KINDS: Readonly<Record<string, AddressKind>> = {
  loopback: 'loopback',
  linkLocal: 'link_local',
  private: 'private',
  uniqueLocal: 'private',
  carrierGradeNat: 'private',
  unspecified: 'unspecified'
}

/** @returns null when the text is no address */
export function addressKind(address: string | null): AddressKind | null {
  if (address === null || !ipaddr.isValid(address)) return null
  const parsed = ipaddr.process(address)
  if (METADATA.has(parsed.toString())) return 'metadata'
  if (isPublicAddress(address)) return 'public'
  return KINDS[parsed.range()] ?? 'other'
}

/** The network an address is in, /24 for IPv4 and /48 for IPv6: near enough to tell one site from another. */
export function networkOf(address: string | null): string | null {
  if (address === null || !ipaddr.isValid(address)) return null
  const parsed = ipaddr.process(address)
  const bits = parsed.kind() === 'ipv4' ? 24 : 48
  const text = `${parsed.toString()}/${bits}`
  return parsed.kind() === 'ipv4'
    ? `${ipaddr.IPv4.networkAddressFromCIDR(text).toString()}/${bits}`
    : `${ipaddr.IPv6.networkAddressFromCIDR(text).toString()}/${bits}`
}

/** A host named in a command line. */
export interface UrlFact {
  readonly scheme: string
  readonly host: string
  readonly port: number | null
  readonly path: string
  /** Kind of address, or name for a host that is none. */
  readonly kind: AddressKind | 'name' | 'cluster'
}

const MAX_URLS = 16
const URL_PATTERN = /\b(https?|ftp|tcp|stratum\+(?:tcp|ssl)|socks5?|wss?):\/\/([^\s'"`<>|;)]{1,512})/gi

function urlOf(scheme: string, rest: string): UrlFact | null {
  const authority = rest.split(/[/?#]/, 1)[0] ?? ''
  const path = rest.slice(authority.length)
  const afterUser = authority.slice(authority.lastIndexOf('@') + 1).toLowerCase()
  const found = /^(\[[0-9a-f:.]+\]|[^:]*)(?::(\d{1,5}))?$/.exec(afterUser)
  const host = (found?.[1] ?? '').replace(/^\[|\]$/g, '')
  if (host === '') return null
  // A host may be an address written as one number or in octal or hexadecimal parts, as inet_aton and most clients read it.
  const numeric = /^[0-9a-fx.]+$/.test(host) && ipaddr.IPv4.isValid(host) ? ipaddr.IPv4.parse(host).toString() : host
  const cluster = host === 'kubernetes' || host === 'localhost' || /\.(?:svc|cluster\.local)$/.test(host)
  return {
    scheme: scheme.toLowerCase(),
    host: numeric,
    port: found?.[2] === undefined ? null : Number(found[2]),
    path,
    kind: addressKind(numeric) ?? (cluster ? 'cluster' : host === 'metadata.google.internal' ? 'metadata' : 'name')
  }
}

/** URLs in a text such as a command line, at most 16. */
export function urlsIn(text: string | null): readonly UrlFact[] {
  if (text?.includes('://') !== true) return []
  const found: UrlFact[] = []
  for (const [, scheme = '', rest = ''] of text.matchAll(URL_PATTERN)) {
    const url = urlOf(scheme, rest)
    if (url !== null) found.push(url)
    if (found.length >= MAX_URLS) break
  }
  return found
}
