import { type AddressRange, inRange, mappedV4, NO_V4, parseAddress, parseV4 } from './ip-range.ts'

/** Which of many ranges an address lies in. */
export type AddressIndex = (text: string, hit: (found: number) => void) => void

/** A range with what is told when an address lies in it. */
interface Told {
  readonly range: AddressRange
  readonly told: number
}

const NONE: readonly number[] = []
/** Addresses of IPv6 remembered, since few are seen again and again; when there are more, all are forgotten. */
const REMEMBERED = 4_096
const REMEMBERED_CHARACTERS = 45

const V4_FIRST = mappedV4(0)
const V4_LAST = mappedV4(2 ** 32 - 1)

const toldAt = (ranges: readonly Told[], address: bigint): readonly number[] =>
  ranges.filter(({ range }) => inRange(range, address)).map(({ told }) => told)

/** The places, in order, from which on addresses lie in other ranges than before. */
const cutsOf = (ranges: readonly Told[]): readonly bigint[] =>
  [...new Set(ranges.flatMap(({ range }) => [range.first, range.last + 1n]))].sort((a, b) =>
    a < b ? -1 : a > b ? 1 : 0
  )

/** The ranges of an address of IPv4. The first byte says between which few cuts to look. */
function indexOfV4(ranges: readonly Told[]): (address: number) => readonly number[] {
  const inside = cutsOf(ranges).filter((cut) => cut > V4_FIRST && cut <= V4_LAST)
  const cuts = Float64Array.of(0, ...inside.map((cut) => Number(cut - V4_FIRST)))
  const told = [...cuts].map((cut) => toldAt(ranges, mappedV4(cut)))
  /** The last cut that is not behind the first address of each byte; one more for the end. */
  const byByte = Uint32Array.from({ length: 257 }, (_, byte) => cuts.findLastIndex((cut) => cut <= byte * 2 ** 24))
  return (address) => {
    const byte = address >>> 24
    let low = byByte[byte] ?? 0
    let high = byByte[byte + 1] ?? 0
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((cuts[middle] ?? 0) <= address) low = middle
      else high = middle - 1
    }
    return told[low] ?? NONE
  }
}

/** The ranges of any address. */
function indexOfAll(ranges: readonly Told[]): (text: string) => readonly number[] {
  const cuts = cutsOf(ranges)
  const told = cuts.map((cut) => toldAt(ranges, cut))
  const remembered = new Map<string, readonly number[]>()
  const find = (text: string): readonly number[] => {
    const address = parseAddress(text)
    if (address === null) return NONE
    let low = 0
    let high = cuts.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((cuts[middle] ?? 0n) <= address) low = middle + 1
      else high = middle
    }
    return told[low - 1] ?? NONE
  }
  return (text) => {
    let found = remembered.get(text)
    if (found === undefined) {
      found = find(text)
      if (remembered.size >= REMEMBERED) remembered.clear()
      if (text.length <= REMEMBERED_CHARACTERS) remembered.set(text, found)
    }
    return found
  }
}

/**
 * Cuts the addresses where a range begins or ends, so that between two cuts all addresses lie in the same ranges, and looks the
 * place of an address up by bisection. Dotted quads are most of what is seen, and small enough for plain numbers.
 */
export function addressIndex(ranges: readonly Told[]): AddressIndex {
  const ofV4 = indexOfV4(ranges)
  const ofAll = indexOfAll(ranges)
  return (text, hit) => {
    const v4 = parseV4(text)
    if (v4 !== NO_V4) for (const found of ofV4(v4)) hit(found)
    else if (text.includes(':')) for (const found of ofAll(text)) hit(found)
  }
}
