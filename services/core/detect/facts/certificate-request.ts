import { property, stringAt } from '../../json.ts'

/**
 * Reads the subject of a PKCS#10 certification request (RFC 2986). Only what a rule needs of DER (ITU-T X.690) is read: no library
 * for certificates of a fitting size takes requests, and Node's own reads only certificates.
 */

interface Element {
  readonly tag: number
  readonly content: Uint8Array
  /** Where the next element begins. */
  readonly end: number
}

const SEQUENCE = 0x30
const SET = 0x31
const INTEGER = 0x02
const OBJECT_IDENTIFIER = 0x06
/** id-at-commonName and id-at-organizationName (RFC 5280, appendix A.1), as DER writes them. */
const COMMON_NAME = '550403'
const ORGANISATION = '55040a'
/** Base64 of the largest request that etcd takes (1.5 MiB, its default for --max-request-bytes). */
const MAX_CHARACTERS = 2 * 1024 * 1024
const MAX_ELEMENTS = 256
const MAX_NAMES = 64
const MAX_NAME_CHARACTERS = 1_024

/** The element at an offset, null when the bytes do not hold it whole. */
function elementAt(bytes: Uint8Array, offset: number): Element | null {
  const tag = bytes[offset]
  const first = bytes[offset + 1]
  if (tag === undefined || first === undefined) return null
  let length = first
  let start = offset + 2
  if (first >= 0x80) {
    const count = first & 0x7f
    if (count === 0 || count > 3) return null
    length = 0
    for (let index = 0; index < count; index += 1) length = length * 256 + (bytes[start + index] ?? 0)
    start += count
  }
  const end = start + length
  return end > bytes.length ? null : { tag, content: bytes.subarray(start, end), end }
}

/** The elements that follow one another, null when something is left over or there are too many. */
function elementsOf(bytes: Uint8Array): readonly Element[] | null {
  const found: Element[] = []
  for (let offset = 0; offset < bytes.length; ) {
    const element = elementAt(bytes, offset)
    if (element === null || found.length >= MAX_ELEMENTS) return null
    found.push(element)
    offset = element.end
  }
  return found
}

/** Text of a string type (X.690, 8.21 and 8.23), in the types that Go's crypto/x509 takes in names, as the API server does. */
function textOf({ tag, content }: Element): string {
  const bytes = Buffer.from(content).subarray(0, MAX_NAME_CHARACTERS * 4)
  // BMPString is big-endian UTF-16, and T61String is read as ISO 8859-1 by everybody.
  if (tag === 0x1e) return bytes.length % 2 === 0 ? Buffer.from(bytes).swap16().toString('utf16le') : ''
  return bytes.toString(tag === 0x14 ? 'latin1' : 'utf8')
}

interface Names {
  readonly common_names: readonly string[]
  readonly organizations: readonly string[]
}

/** Names in a certification request in DER, null when it is none. */
function namesIn(der: Uint8Array): Names | null {
  const whole = elementAt(der, 0)
  const info = whole?.tag === SEQUENCE ? elementAt(whole.content, 0) : null
  const [version, subject] = (info?.tag === SEQUENCE ? elementsOf(info.content) : null) ?? []
  if (version?.tag !== INTEGER || subject?.tag !== SEQUENCE) return null
  const common: string[] = []
  const organizations: string[] = []
  const sets = elementsOf(subject.content)
  if (sets === null) return null
  for (const set of sets) {
    const attributes = set.tag === SET ? elementsOf(set.content) : null
    if (attributes === null) return null
    for (const attribute of attributes) {
      const [type, value] = elementsOf(attribute.content) ?? []
      if (type?.tag !== OBJECT_IDENTIFIER || value === undefined) return null
      const name = Buffer.from(type.content).toString('hex')
      if (name === COMMON_NAME) common.push(textOf(value))
      else if (name === ORGANISATION) organizations.push(textOf(value))
    }
  }
  return { common_names: common, organizations }
}

const BEGIN = '-----BEGIN'
const TITLE = ' CERTIFICATE REQUEST-----'

/**
 * What stands between the lines of each PEM block (RFC 7468) that calls itself a request, without headers. The API server takes the
 * first block that is well formed; which that is depends on small print, so all of them are given.
 */
function blocksOf(text: string): readonly string[] {
  return text
    .split(BEGIN)
    .slice(1)
    .flatMap((block) => {
      if (!block.startsWith(TITLE)) return []
      const end = block.indexOf('-----END', TITLE.length)
      const body = block.slice(TITLE.length, end === -1 ? undefined : end)
      const headers = body.lastIndexOf(':')
      return [headers === -1 ? body : body.slice(body.indexOf('\n', headers) + 1)]
    })
}

/**
 * The names asked for, in all requests that the text may be taken for.
 * @param request PEM in base64, as the API has it
 */
function subjectOf(request: string): Names & { readonly readable: boolean } {
  const common = new Set<string>()
  const organizations = new Set<string>()
  let blocks = 0
  let unread = request.length > MAX_CHARACTERS
  for (const body of unread ? [] : blocksOf(Buffer.from(request, 'base64').toString('latin1'))) {
    const names = namesIn(Buffer.from(body, 'base64'))
    blocks += 1
    unread ||= names === null || common.size >= MAX_NAMES || organizations.size >= MAX_NAMES
    for (const name of (names?.common_names ?? []).slice(0, MAX_NAMES)) common.add(name.slice(0, MAX_NAME_CHARACTERS))
    for (const name of (names?.organizations ?? []).slice(0, MAX_NAMES))
      organizations.add(name.slice(0, MAX_NAME_CHARACTERS))
    if (unread && common.size + organizations.size > MAX_NAMES * 2) break
  }
  return { common_names: [...common], organizations: [...organizations], readable: blocks > 0 && !unread }
}

export interface CertificateRequestFact extends Names {
  readonly signer: string | null
  /** Whether all of the request could be read. The API server refuses what it cannot read itself. */
  readonly readable: boolean
  /** Who asked for it, as the API server noted. */
  readonly requester: string | null
  readonly usages: readonly string[]
}

/**
 * What a CertificateSigningRequest object asks for.
 * @returns null when the object holds no request
 */
export function certificateRequestOf(object: unknown): CertificateRequestFact | null {
  const request = stringAt(object, 'spec', 'request')
  const signer = stringAt(object, 'spec', 'signerName')
  if (request === null && signer === null) return null
  const usages = property(property(object, 'spec'), 'usages')
  return {
    signer,
    ...(request === null ? { common_names: [], organizations: [], readable: false } : subjectOf(request)),
    requester: stringAt(object, 'spec', 'username'),
    usages: Array.isArray(usages)
      ? usages.filter((usage): usage is string => typeof usage === 'string').slice(0, MAX_NAMES)
      : []
  }
}
