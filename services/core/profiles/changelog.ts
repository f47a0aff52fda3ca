import type { CorrelatorState } from '../../../schemas/generated/types.ts'
import { BLANK_ENTRY, shortHash } from '../changelog-entry.ts'
import type { ProfileRule } from './profile-rule.ts'
import type { Counted, Period, RateGroup } from './rate-group.ts'
import type { NewEvent, ProfileState, ValueGroup } from './state.ts'

/** Values of one scope, a shard of them; the first shard says whose they are. */
export interface StoredValues {
  readonly type: 'values'
  readonly fingerprint: string
  readonly group: string
  readonly scope: number
  readonly shards: number
  readonly head: (Pick<ValueGroup, 'run' | 'before'> & { readonly unit_us: number }) | null
  readonly values: readonly (readonly [string, number])[]
}

export interface StoredEvent {
  readonly type: 'event'
  readonly fingerprint: string
  readonly value: string
  readonly standing: ReadonlyArray<{
    readonly scope: number
    readonly group: string
    readonly previous: number | null
    readonly is_learnt: boolean | null
  }>
}

export interface StoredRelease {
  readonly type: 'release'
  readonly key: string
  readonly times: readonly number[]
}

/** The entry's signal is not used: samples stand with their periods. */
export interface StoredRate extends Pick<RateGroup, 'scope' | 'names' | 'first' | 'habit'> {
  readonly type: 'rate'
  readonly fingerprint: string
  readonly group: string
  readonly next: number | null
  readonly periods: ReadonlyArray<Omit<Period, 'recent'> & { readonly recent: string }>
}

/** Times and marks, base 36: some 20 bytes each. */
const recentText = ({ recent }: Period): string =>
  recent.map(({ time, mark }) => `${time.toString(36)}.${mark.toString(36)}`).join(' ')

export function recentOf(text: string): Counted[] {
  return text === ''
    ? []
    : text.split(' ').map((item) => {
        const [time = '', mark = ''] = item.split('.')
        return { time: Number.parseInt(time, 36), mark: Number.parseInt(mark, 36) }
      })
}

export type Stored = StoredValues | StoredEvent | StoredRelease | StoredRate

function put(state: ProfileState, key: string, stored: Stored | null, signal: CorrelatorState['signal'] = null): void {
  const { changes, cluster_id } = state
  const document = JSON.stringify(stored)
  changes.set(key, stored === null ? null : { ...BLANK_ENTRY, key, cluster_id, kind: 'profile', signal, document })
}

const groupPath = ({ key, rule }: ValueGroup | RateGroup): string => `profile/${rule.id}/${shortHash(key)}`

export function noteGroupGone(state: ProfileState, group: ValueGroup): void {
  for (let index = 0; index < group.known.shards.length; index += 1) put(state, `${groupPath(group)}/${index}`, null)
}

export function noteRateGone(state: ProfileState, group: RateGroup): void {
  put(state, groupPath(group), null)
}

export function noteEvent(state: ProfileState, event: NewEvent, forget = false): void {
  const { rule, signal, value } = event
  const key = `profile/${rule.id}/event/${signal.id}`
  if (forget) {
    put(state, key, null)
    return
  }
  const standing = [...event.standing].map(([scope, { group, previous, isLearnt }]) => ({
    scope,
    group: group.key,
    previous,
    is_learnt: isLearnt
  }))
  put(state, key, { type: 'event', fingerprint: rule.fingerprint, value, standing }, signal)
}

export function noteRelease(
  state: ProfileState,
  rule: ProfileRule,
  key: string,
  times: readonly number[] | null
): void {
  put(state, `profile/${rule.id}/release/${shortHash(key)}`, times === null ? null : { type: 'release', key, times })
}

function noteValues(state: ProfileState, group: ValueGroup): void {
  const { known, rule, key, scope, run, before } = group
  const shards = known.shards.length
  for (const index of known.dirty ?? []) {
    const values = [...(known.shards[index] ?? [])]
    const head = index === 0 ? { run, before, unit_us: rule.unit_us } : null
    const stored: StoredValues = {
      type: 'values',
      fingerprint: rule.fingerprint,
      group: key,
      scope,
      shards,
      head,
      values
    }
    put(state, `${groupPath(group)}/${index}`, stored)
  }
  known.dirty = null
}

function noteRate(state: ProfileState, group: RateGroup): void {
  const { key, rule, scope, names, first, habit, next, periods } = group
  put(state, groupPath(group), {
    type: 'rate',
    fingerprint: rule.fingerprint,
    group: key,
    scope,
    names,
    first,
    habit,
    next: Number.isFinite(next) ? next : null,
    periods: periods.map((period) => ({ ...period, recent: recentText(period) }))
  })
}

/** Notes all groups that changed: once per batch, however many events a group saw. */
export function noteDirty(state: ProfileState): void {
  for (const group of state.dirty) {
    if ('known' in group) {
      if (state.groups.get(group.key) === group) noteValues(state, group)
    } else if (state.rates.get(group.key) === group) noteRate(state, group)
  }
  state.dirty.clear()
}
