import { grown, int32 } from './slot-index.ts'

/**
 * The order in which groups last changed. A change is put last in a row of numbers, with its turn, and the group remembers the turn: so
 * what stands in the row for earlier changes is told from what counts, and is passed over. Other than in a linked list, neighbours are
 * not touched.
 */
export interface ChangeOrder {
  /** @returns the turn */
  add(group: number): number
  /** The one longest unchanged, -1 when there is none. @param isCurrent whether this was the last change of a group */
  first(isCurrent: (group: number, turn: number) => boolean): number
  /** Keeps the row about as long as there are groups. */
  tidy(size: number, isCurrent: (group: number, turn: number) => boolean): void
}

const SPARE = 1_024

export function createChangeOrder(): ChangeOrder {
  /** Pairs of group and turn. */
  let row = new Int32Array(0)
  let start = 0
  let end = 0
  let turn = 0
  return {
    add(group) {
      turn = (turn + 1) | 0
      if (2 * (end + 1) > row.length) row = grown(row, 2 * (end + 1), int32)
      row[2 * end] = group
      row[2 * end + 1] = turn
      end += 1
      return turn
    },

    first(isCurrent) {
      for (; start < end; start += 1) {
        const group = row[2 * start] ?? -1
        if (isCurrent(group, row[2 * start + 1] ?? 0)) return group
      }
      return -1
    },

    tidy(size, isCurrent) {
      if (end < 2 * size + SPARE) return
      let kept = 0
      for (let at = start; at < end; at += 1) {
        const group = row[2 * at] ?? -1
        const its = row[2 * at + 1] ?? 0
        if (!isCurrent(group, its)) continue
        row[2 * kept] = group
        row[2 * kept + 1] = its
        kept += 1
      }
      start = 0
      end = kept
    }
  }
}
