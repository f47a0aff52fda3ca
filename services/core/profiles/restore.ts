import type { CorrelatorState } from '../../../schemas/generated/types.ts'
import { note } from './agenda.ts'
import type { Stored, StoredEvent, StoredRate, StoredRelease, StoredValues } from './changelog.ts'
import { restoreValues } from './known-values.ts'
import { releaseEnd, restoreEvent, restoreTold } from './new-values.ts'
import type { ProfileRule } from './profile-rule.ts'
import { restoreRate } from './rates.ts'
import type { ProfileIndex } from './reducer.ts'
import { emptyProfileState, type ProfileState, type Standing } from './state.ts'

/** An entry with what it holds, and the profile it is of. */
interface Found<What extends Stored> {
  readonly entry: CorrelatorState
  readonly stored: What
  readonly rule: ProfileRule
}

/** Id of the profile that an entry is of: its key is profile/RULE/… */
function ruleOf({ key }: CorrelatorState): string {
  const end = key.indexOf('/', 'profile/'.length)
  return key.slice('profile/'.length, end)
}

/** Values of one scope; null when not all that belongs to it was written under the present rule. */
function groupOf(state: ProfileState, found: readonly Found<StoredValues>[]): boolean {
  const [first] = found
  const head = found.find(({ stored }) => stored.head !== null)?.stored.head
  if (first === undefined || head === undefined || head === null) return false
  const { rule, stored } = first
  const { group: key, scope, shards } = stored
  const { names, run, before } = head
  const pairs = found.flatMap(({ stored: { values } }) => values)
  const known = restoreValues(shards, pairs)
  state.groups.set(key, { key, rule, scope, names, run, before, known, fresh: new Map() })
  state.values += known.size
  return true
}

function restoreStanding(state: ProfileState, { stored }: Found<StoredEvent>): Map<number, Standing> {
  const standing = new Map<number, Standing>()
  for (const { scope, group: key, previous, is_learnt } of stored.standing) {
    const group = state.groups.get(key)
    if (group !== undefined) standing.set(scope, { group, previous, isLearnt: is_learnt })
  }
  return standing
}

/**
 * The state as it was when the last of the entries was written. What belongs to profiles that are no more, or that remember something
 * else now, is forgotten.
 * @param entries of one cluster, of the kind profile; the latest of each key
 * @param closed_before as it was then, microseconds since the epoch
 */
export function restoreProfiles(
  cluster_id: string,
  index: ProfileIndex,
  entries: readonly CorrelatorState[],
  closed_before: number
): ProfileState {
  const state = emptyProfileState(cluster_id)
  state.closed_before = closed_before
  const values = new Map<string, Found<StoredValues>[]>()
  const events: Found<StoredEvent>[] = []
  const rates: Found<StoredRate>[] = []
  for (const entry of entries) {
    const stored = entry.document === null ? null : (JSON.parse(entry.document) as Stored)
    const rule = index.rules.get(ruleOf(entry))
    if (stored === null || rule === undefined || ('fingerprint' in stored && stored.fingerprint !== rule.fingerprint)) {
      state.changes.set(entry.key, null)
    } else if (stored.type === 'values') {
      const group = values.get(stored.group)
      if (group === undefined) values.set(stored.group, [{ entry, stored, rule }])
      else group.push({ entry, stored, rule })
    } else if (stored.type === 'event') events.push({ entry, stored, rule })
    else if (stored.type === 'rate') rates.push({ entry, stored, rule })
    else restoreRelease(state, rule, stored)
  }
  for (const found of values.values()) {
    if (!groupOf(state, found)) for (const { entry } of found) state.changes.set(entry.key, null)
  }
  for (const found of events) {
    const { entry, stored, rule } = found
    const standing = restoreStanding(state, found)
    if (entry.signal === null || standing.size === 0) {
      state.changes.set(entry.key, null)
      continue
    }
    const { signal } = entry
    restoreEvent(state, { key: `${rule.id} ${signal.id}`, rule, signal, value: stored.value, standing, crowd: null })
  }
  restoreTold(state)
  for (const { stored, rule } of rates) {
    const { group: key, scope, names, first, habit, next, periods } = stored
    const after = next ?? Number.NEGATIVE_INFINITY
    restoreRate(state, { key, rule, scope, names, first, habit, next: after, periods: [...periods], told: new Map() })
  }
  state.dirty.clear()
  return state
}

function restoreRelease(state: ProfileState, rule: ProfileRule, { key, times }: StoredRelease): void {
  state.releases.set(key, times)
  for (const time of times) note(state.agenda, releaseEnd(rule, time), `release ${key}`)
}
