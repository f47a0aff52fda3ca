/** Header of a message: id, flags and four counts. */
const HEADER_BYTES = 12
const LABEL_MAX = 63
const NAME_MAX = 255

/** What was asked. */
export interface DnsQuestion {
  /** Without the dot at the end. */
  readonly name: string
  /** Type of record: A, AAAA, …; its number where it has no name here. */
  readonly type: string
}

const TYPES: ReadonlyMap<number, string> = new Map([
  [1, 'A'],
  [2, 'NS'],
  [5, 'CNAME'],
  [6, 'SOA'],
  [12, 'PTR'],
  [15, 'MX'],
  [16, 'TXT'],
  [28, 'AAAA'],
  [33, 'SRV'],
  [64, 'SVCB'],
  [65, 'HTTPS'],
  [255, 'ANY']
])

/**
 * The question of a DNS query (RFC 1035, 4.1). The name is any bytes: what is no printable ASCII is written as `\ddd`, as in zone
 * files, and so is a dot within a label.
 * @param message the message, without the length that TCP puts before it; may be cut short behind the question
 * @returns null for answers and for what is no DNS message
 */
export function questionOf(message: Buffer): DnsQuestion | null {
  if (message.length < HEADER_BYTES + 5) return null
  const flags = message.readUInt16BE(2)
  if ((flags & 0x8000) !== 0 || message.readUInt16BE(4) === 0) return null
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = message[at]; length !== undefined && length !== 0; length = message[at]) {
    // A name is not compressed where nothing came before.
    if (length > LABEL_MAX || at + length > HEADER_BYTES + NAME_MAX || at + 1 + length > message.length) return null
    labels.push(labelOf(message.subarray(at + 1, at + 1 + length)))
    at += 1 + length
  }
  if (at + 5 > message.length) return null
  const type = message.readUInt16BE(at + 1)
  return { name: labels.join('.'), type: TYPES.get(type) ?? String(type) }
}

function labelOf(bytes: Buffer): string {
  let text = ''
  for (const byte of bytes) {
    const plain = byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c
    text += plain ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, '0')}`
  }
  return text
}
