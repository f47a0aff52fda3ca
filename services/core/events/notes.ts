import { eventError } from './errors.ts'
import type { Cuts } from './fields.ts'

/**
 * What Weir says about its own reading of a record, among an audit event's annotations or a runtime event's attributes.
 * Keys under this prefix are Weir's own; a record cannot bring any.
 */
export const NOTE_PREFIX = 'weir.io/'

/** Names, separated by commas, the fields that were cut or left out because of their size. */
const NOTE_CUT = `${NOTE_PREFIX}cut`

/** `arrival` on events whose record has no time, so that the time of arrival stands for it. */
const NOTE_TIME = `${NOTE_PREFIX}time`

/** The name the cloud has for an operation that is translated into an API request. */
export const NOTE_OPERATION = `${NOTE_PREFIX}operation`

const MOST_NAMES = 50

/**
 * Adds notes to a map that no one else has seen yet.
 * @param cuts names of the fields that lost something
 * @param timed whether the record had a time
 * @returns the map itself
 */
export function noteInto(map: Record<string, string>, cuts: Cuts, timed: boolean): Record<string, string> {
  if (cuts.length > 0) map[NOTE_CUT] = [...new Set(cuts)].slice(0, MOST_NAMES).join(',')
  if (!timed) map[NOTE_TIME] = 'arrival'
  return map
}

/**
 * The time of an event: the record's, else the time of arrival.
 * @param what what the record is called in the message
 * @throws EVENT_TIME_MISSING when there is neither
 */
export function timeOr(time: number | null, arrival: number | null, what: string): number {
  const found = time ?? arrival
  if (found === null) throw eventError('EVENT_TIME_MISSING', `${what} has no time that can be read`)
  return found
}
