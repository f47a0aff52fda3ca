/** Addresses as numbers: IPv4 is kept as IPv4-mapped IPv6 (RFC 4291, 2.5.5.2), so that both notations of one address are equal. */

const MAPPED = 0xffff_0000_0000n

/** What `parseV4` gives for text that is no dotted quad. */
export const NO_V4 = -1

/** A dotted quad as a number of 32 bits, `NO_V4` for all other text. */
export function parseV4(text: string): number {
  let value = 0
  let byte = 0
  let digits = 0
  let parts = 1
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code === 0x2e) {
      if (digits === 0 || parts === 4) return NO_V4
      value = (value << 8) | byte
      byte = 0
      digits = 0
      parts += 1
    } else {
      // Leading zeros are refused: some readers take them for octal.
      if (code < 0x30 || code > 0x39 || (digits > 0 && byte === 0)) return NO_V4
      byte = byte * 10 + code - 0x30
      digits += 1
      if (byte > 255) return NO_V4
    }
  }
  return parts === 4 && digits > 0 ? ((value << 8) | byte) >>> 0 : NO_V4
}

/** A number of `parseV4` among all addresses. */
export const mappedV4 = (address: number): bigint => MAPPED | BigInt(address)

function parseV6(text: string): bigint | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')))
  const [head = [], tail = []] = groups
  const last = (groups.at(-1) ?? []).at(-1)
  if (last?.includes('.')) {
    const v4 = parseV4(last)
    if (v4 === NO_V4) return null
    groups.at(-1)?.splice(-1, 1, (v4 >>> 16).toString(16), (v4 & 0xffff).toString(16))
  }
  const count = head.length + tail.length
  if (halves.length === 1 ? count !== 8 : count > 7) return null
  const all = [...head, ...Array.from({ length: 8 - count }, () => '0'), ...tail]
  let value = 0n
  for (const group of all) {
    if (!/^[0-9a-f]{1,4}$/i.test(group)) return null
    value = (value << 16n) | BigInt(Number.parseInt(group, 16))
  }
  return value
}

/** An IPv4 (dotted quad) or IPv6 address as a 128-bit number; null when it is neither. A zone (`%eth0`) is not part of it. */
export function parseAddress(text: string): bigint | null {
  if (text.length > 64) return null
  if (!text.includes(':')) {
    const v4 = parseV4(text)
    return v4 === NO_V4 ? null : mappedV4(v4)
  }
  return parseV6(text.split('%')[0] ?? '')
}

export interface AddressRange {
  readonly first: bigint
  readonly last: bigint
}

/** A CIDR block, or one address; null when it is neither. Host bits are ignored; rules must have none. */
export function parseRange(text: string): AddressRange | null {
  const [base = '', length, ...rest] = text.trim().split('/')
  const address = parseAddress(base)
  if (address === null || rest.length > 0) return null
  const most = base.includes(':') ? 128 : 32
  if (length !== undefined && (!/^[0-9]{1,3}$/.test(length) || Number(length) > most)) return null
  const free = BigInt(length === undefined ? 0 : most - Number(length))
  const first = (address >> free) << free
  return { first, last: first | ((1n << free) - 1n) }
}

/** Whether an address, as `parseAddress` gives it, lies in a range. */
export function inRange(range: AddressRange, address: bigint): boolean {
  return address >= range.first && address <= range.last
}
