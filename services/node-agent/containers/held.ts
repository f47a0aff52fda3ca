import type { SourcedEvent } from '../../core/events/sourced-event.ts'
import type { Taken } from '../../platform/ingest/convert.ts'
import { encodeRecord } from '../../platform/ingest/record.ts'
import type { Hold } from './hold.ts'

/** Events in one record of the spool. */
const RECORD_MAX_EVENTS = 200

/** An event with what it was made from, and since when it waits. */
interface Waiting {
  readonly taken: Taken
  readonly since: number
}

/**
 * Events of which some have to wait for their container to become known: the others, as they may leave, and records for the spool
 * with those that wait.
 * @param sinceOf since when an event has been waiting; null when it is new
 */
export function withContainers(
  events: readonly Taken[],
  sinceOf: (event: Taken) => number | null,
  hold: Hold,
  may_wait: boolean
): { readonly ready: readonly Taken[]; readonly later: readonly Buffer[] } {
  const ready: Taken[] = []
  const waiting: Waiting[] = []
  for (const taken of events) {
    const { runtime } = taken.event
    if (runtime === null) {
      ready.push(taken)
      continue
    }
    const result = hold.take(runtime, sinceOf(taken), may_wait)
    if ('waits' in result) waiting.push({ taken, since: result.waits })
    else ready.push(result === runtime ? taken : { ...taken, event: { ...taken.event, runtime: result } })
  }
  const later: Buffer[] = []
  for (let start = 0; start < waiting.length; start += RECORD_MAX_EVENTS)
    later.push(heldRecord(waiting.slice(start, start + RECORD_MAX_EVENTS)))
  return { ready, later }
}

function heldRecord(waiting: readonly Waiting[]): Buffer {
  const body = waiting.map(({ taken: { original, ...rest }, since }) => ({
    ...rest,
    since,
    original: original().toString('base64')
  }))
  const received = waiting[0]?.taken.event.received ?? 0
  return encodeRecord({ received, from: 'held', form: 'held' }, Buffer.from(JSON.stringify(body)))
}

/** The events of a record made by `withContainers`, with the times since when they wait. */
export function heldEvents(body: Buffer): ReadonlyArray<{ readonly taken: Taken; readonly since: number }> {
  // Only this module writes such records.
  const items = JSON.parse(body.toString('utf8')) as ReadonlyArray<{
    readonly event: SourcedEvent
    readonly since: number
    readonly original: string
  }>
  return items.map(({ since, original, ...rest }) => ({
    taken: { ...rest, original: () => Buffer.from(original, 'base64') },
    since
  }))
}
