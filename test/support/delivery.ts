import type { Signal } from '../../schemas/generated/types.ts'

/** How signals arrive: late by so many microseconds, so many times again, each by its place among them. */
export interface Delivery {
  readonly delays: readonly number[]
  readonly repeats: readonly number[]
}

/** Signals in the order of their arrival; a repetition comes a minute after the one before. */
export function delivered(list: readonly Signal[], { delays, repeats }: Delivery): readonly Signal[] {
  return list
    .flatMap((signal, place) => {
      const arrival = signal.time + (delays[place] ?? 0)
      return Array.from({ length: 1 + (repeats[place] ?? 0) }, (_, copy) => ({
        signal,
        arrival: arrival + copy * 60_000_000
      }))
    })
    .toSorted((a, b) => a.arrival - b.arrival)
    .map(({ signal }) => signal)
}

/** Batches of these sizes, which are used again and again until the list is at its end. */
export function batchesOf<Item>(list: readonly Item[], sizes: readonly number[]): ReadonlyArray<readonly Item[]> {
  const batches: Item[][] = []
  for (let at = 0, turn = 0; at < list.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1
    batches.push(list.slice(at, at + size))
    at += size
  }
  return batches
}
