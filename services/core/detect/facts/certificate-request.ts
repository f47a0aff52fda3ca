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
const OBJECT_IDENTIFIER = 0x06
/** id-at-commonName and id-at-organizationName (RFC 5280, appendix A.1), as DER writes them. */
const COMMON_NAME = '550403'
const ORGANISATION = '55040a'
const MAX_BYTES = 64 * 1024

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

function elementsOf(bytes: Uint8Array): readonly Element[] {
  const found: Element[] = []
  for (let offset = 0; offset < bytes.length && found.length < 256; ) {
    const element = elementAt(bytes, offset)
    if (element === null) break
    found.push(element)
    offset = element.end
  }
  return found
}

/** DER out of PEM out of base64, null when it is none of them. */
function derOf(request: string): Uint8Array | null {
  if (request.length > MAX_BYTES * 2) return null
  const pem = Buffer.from(request, 'base64').toString('latin1')
  const body = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]{1,87384})-----END/.exec(pem)?.[1]
  return body === undefined ? null : Buffer.from(body, 'base64')
}

export interface CertificateRequestFact {
  readonly signer: string | null
  readonly common_name: string | null
  readonly organizations: readonly string[]
  /** Who asked for it, as the API server noted. */
  readonly requester: string | null
  readonly usages: readonly string[]
}

function subjectOf(request: string): {
  readonly common_name: string | null
  readonly organizations: readonly string[]
} {
  const nothing = { common_name: null, organizations: [] }
  const der = derOf(request)
  const whole = der === null ? null : elementAt(der, 0)
  const info = whole?.tag === SEQUENCE ? elementAt(whole.content, 0) : null
  const [, subject] = info?.tag === SEQUENCE ? elementsOf(info.content) : []
  if (subject?.tag !== SEQUENCE) return nothing
  let commonName: string | null = null
  const organizations: string[] = []
  for (const set of elementsOf(subject.content)) {
    if (set.tag !== SET) continue
    for (const attribute of elementsOf(set.content)) {
      const [type, value] = elementsOf(attribute.content)
      if (type?.tag !== OBJECT_IDENTIFIER || value === undefined) continue
      const text = Buffer.from(value.content).toString('utf8')
      const name = Buffer.from(type.content).toString('hex')
      if (name === COMMON_NAME) commonName = text
      else if (name === ORGANISATION) organizations.push(text)
    }
  }
  return { common_name: commonName, organizations }
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
    ...(request === null ? { common_name: null, organizations: [] } : subjectOf(request)),
    requester: stringAt(object, 'spec', 'username'),
    usages: Array.isArray(usages) ? usages.filter((usage): usage is string => typeof usage === 'string') : []
  }
}
