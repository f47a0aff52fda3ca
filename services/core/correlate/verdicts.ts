import type { Signal, Verdict } from '../../../schemas/generated/types.ts'
import { WeirError } from '../errors.ts'
import { at, isObject } from '../json.ts'
import { CORRELATE_ERRORS } from './errors.ts'
import { type ClusterState, type Group, noteVerdicts, type StoredSignal } from './state.ts'
import { byCodeUnits, plainText } from './text.ts'

/** What analysts have said, the latest of each kind. */
export interface Judged {
  /** The latest that closes, opens or suppresses. */
  readonly status: Verdict | null
  readonly assignment: Verdict | null
}

export const NOT_JUDGED: Judged = { status: null, assignment: null }

const MAX_NAME_BYTES = 256
const MAX_REASON_BYTES = 1_000

function bounded(verdict: Verdict): Verdict {
  const { by, assignee, reason } = verdict
  return {
    ...verdict,
    by: plainText(by, MAX_NAME_BYTES),
    assignee: assignee === null ? null : plainText(assignee, MAX_NAME_BYTES),
    reason: reason === null ? null : plainText(reason, MAX_REASON_BYTES)
  }
}

function later(one: Verdict | null, other: Verdict | null): Verdict | null {
  if (one === null || other === null) return one ?? other
  return (one.time - other.time || byCodeUnits(one.id, other.id)) >= 0 ? one : other
}

const both = (one: Judged, other: Judged): Judged => ({
  status: later(one.status, other.status),
  assignment: later(one.assignment, other.assignment)
})

/** What analysts have said of an incident with these signals: of two incidents that became one, the latest counts. */
export function judgedOf(state: ClusterState, members: readonly StoredSignal[]): Judged {
  if (state.verdicts.size === 0) return NOT_JUDGED
  return members.reduce((judged, { signal }) => {
    const own = state.verdicts.get(signal.id)
    return own === undefined ? judged : both(judged, own)
  }, NOT_JUDGED)
}

/**
 * The status that a verdict leaves an incident in. A closed one is opened again by what happens afterwards, a suppressed one by what
 * happens when its time is over.
 */
export function judgedStatus({ status }: Judged, members: readonly StoredSignal[]): 'open' | 'closed' {
  const last = members.at(-1)?.signal.time ?? 0
  if (status?.action === 'close') return last > status.time ? 'open' : 'closed'
  if (status?.action === 'suppress') return last > (status.until ?? status.time) ? 'open' : 'closed'
  return 'open'
}

/**
 * Notes a verdict.
 * @returns the group it is about; null when no incident that is remembered has this id
 */
export function takeVerdict(state: ClusterState, given: Verdict): Group | null {
  const first = state.published.get(given.incident)?.first_signal
  const stored = first === undefined ? undefined : state.signals.get(first)
  if (stored === undefined || stored.group === null) return null
  const verdict = bounded(given)
  const own: Judged =
    verdict.action === 'assign' ? { status: null, assignment: verdict } : { status: verdict, assignment: null }
  state.verdicts.set(stored.signal.id, both(state.verdicts.get(stored.signal.id) ?? NOT_JUDGED, own))
  noteVerdicts(state, stored.signal.id)
  stored.group.status = judgedStatus(judgedOf(state, stored.group.members), stored.group.members)
  return stored.group
}

/** What is wrong with a signal that should carry a verdict; null when nothing is. */
export function verdictDefect({ verdict }: Signal): string | null {
  if (verdict === null) return 'it carries no verdict'
  if (verdict.by === '') return 'its verdict does not say who gives it'
  if (!Number.isSafeInteger(verdict.time)) return 'its verdict has no time'
  return verdict.action === 'suppress' && verdict.until === null
    ? 'its verdict does not say until when to suppress'
    : null
}

/** Reads what `noteVerdicts` has written. */
export function restoreVerdicts(state: ClusterState, key: string, document: string | null): void {
  const value: unknown = JSON.parse(document ?? 'null')
  const signal = at(value, ['signal'])
  const judged = at(value, ['judged'])
  if (typeof signal !== 'string' || !isObject(judged)) {
    const text = `state entry ${key} of cluster ${state.cluster_id} holds no verdicts`
    throw new WeirError(CORRELATE_ERRORS, 'CORRELATE_STATE_UNUSABLE', text)
  }
  state.verdicts.set(signal, judged as unknown as Judged)
}
