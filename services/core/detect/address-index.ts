import { type AddressRange, inRange, parseAddress } from './ip-range.ts'

/** Which of many ranges an address lies in. */
export type AddressIndex = (text: string, hit: (found: number) => void) => void

const NONE: readonly number[] = []
/** Addresses remembered, since few are seen again and again; when there are more, all are forgotten. */
const REMEMBERED = 4_096
const REMEMBERED_CHARACTERS = 45

/**
 * Cuts the addresses where a range begins or ends, so that between two cuts all addresses lie in the same ranges, and looks the
 * place of an address up by bisection.
 * @param ranges each with what is told when an address lies in it
 */
export function addressIndex(ranges: readonly { readonly range: AddressRange; readonly told: number }[]): AddressIndex {
  const cuts = [...new Set(ranges.flatMap(({ range }) => [range.first, range.last + 1n]))].sort((a, b) =>
    a < b ? -1 : a > b ? 1 : 0
  )
  const told = cuts.map((cut) => ranges.filter(({ range }) => inRange(range, cut)).map((found) => found.told))
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
  return (text, hit) => {
    let found = remembered.get(text)
    if (found === undefined) {
      found = find(text)
      if (remembered.size >= REMEMBERED) remembered.clear()
      if (text.length <= REMEMBERED_CHARACTERS) remembered.set(text, found)
    }
    for (const one of found) hit(one)
  }
}
