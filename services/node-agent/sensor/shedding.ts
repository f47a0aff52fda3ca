import type { RuntimeCategory } from '../../../schemas/generated/types.ts'

/**
 * Whether an event is given up because too much waits already: what there is most of and what tells least goes first, processes
 * never.
 * @param category of the event
 * @param isRead it tells of a file that was read
 * @param pending bytes that wait to be stored
 * @param most what may wait
 */
export function isShed(category: RuntimeCategory, isRead: boolean, pending: number, most: number): boolean {
  if (category === 'process') return false
  const share = pending / most
  if (isRead) return share > 0.25
  if (category === 'file') return share > 0.5
  return share > 0.75
}
