import type { CorrelatorState } from '../../../schemas/generated/types.ts'
import type { Stored, StoredRate, StoredValues } from './changelog.ts'
import type { ProfileRule } from './profile-rule.ts'
import { shownValue } from './profile-signal.ts'
import { namesOf } from './state.ts'

const DAY_US = 86_400_000_000

/** What a profile has learnt of one identity, namespace or cluster; times are microseconds since the epoch. */
export interface LearntScope {
  readonly cluster_id: string
  /** Name of the profile; its id where it is not among the rules. */
  readonly profile: string
  readonly type: 'new_value' | 'rate'
  readonly scope: string
  /** What names it: `alice@example.org`, `shop/Deployment/web`; empty for the whole cluster. */
  readonly name: string
  readonly first: number
  /** Until when it is silent; null where the profile is not among the rules. */
  readonly learns_until: number | null
  /** Values with the start of the day, or hour, in which each was last seen; the latest first. Empty for rates. */
  readonly values: ReadonlyArray<{ readonly value: string; readonly last_seen: number }>
  /** Of rates: what is usual for a period of so many microseconds. */
  readonly habit: {
    readonly periods: number
    readonly mean: number
    readonly deviation: number
    readonly period_us: number | null
  } | null
}

function scopeOf(group: string, rule_id: string): string {
  const rest = group.slice(rule_id.length + 1)
  return rest.slice(0, rest.indexOf('/'))
}

const nameOf = (names: readonly (readonly string[])[]): string => names.map((texts) => texts.join(', ')).join('/')

function valuesOf(entries: readonly StoredValues[], unit_us: number): LearntScope['values'] {
  return entries
    .flatMap(({ values }) => values)
    .map(([value, unit]) => ({ value: shownValue(value), last_seen: unit * unit_us }))
    .sort((a, b) => b.last_seen - a.last_seen || (a.value < b.value ? -1 : 1))
}

function rateOf({ names, first, habit, group, periods }: StoredRate, rule_id: string, rule: ProfileRule | undefined) {
  const { periods: counted, mean, variance } = habit
  const period_us = rule?.profile.rate == null ? null : rule.profile.rate.period_ms * 1000
  return {
    type: 'rate' as const,
    scope: scopeOf(group, rule_id),
    name: nameOf(names),
    // Before its first period is over, the beginning stands with the period.
    first: counted > 0 ? first : (periods[0]?.sample.time ?? first),
    values: [],
    habit: { periods: counted, mean, deviation: Math.sqrt(variance), period_us }
  }
}

/**
 * What the entries of the changelog say was learnt, to be shown and exported.
 * @param entries the latest of each key, of any clusters; those of other kinds are passed over
 * @param rules profiles by id, for their names
 * @returns by profile, scope and name
 */
export function learntOf(
  entries: Iterable<CorrelatorState>,
  rules: ReadonlyMap<string, ProfileRule>
): readonly LearntScope[] {
  const found: LearntScope[] = []
  const values = new Map<string, { readonly entry: CorrelatorState; readonly stored: StoredValues }[]>()
  const add = (
    entry: CorrelatorState,
    rule_id: string,
    scope: Omit<LearntScope, 'cluster_id' | 'profile' | 'learns_until'>
  ) => {
    const rule = rules.get(rule_id)
    const learns_until = rule === undefined ? null : scope.first + rule.profile.learn_ms * 1000
    found.push({ cluster_id: entry.cluster_id, profile: rule?.document.name ?? rule_id, learns_until, ...scope })
  }
  for (const entry of entries) {
    if (entry.kind !== 'profile' || entry.document === null) continue
    const [, rule_id = ''] = entry.key.split('/')
    const stored = JSON.parse(entry.document) as Stored
    if (stored.type === 'rate') add(entry, rule_id, rateOf(stored, rule_id, rules.get(rule_id)))
    else if (stored.type === 'values') {
      const key = `${entry.cluster_id} ${stored.group}`
      const shards = values.get(key)
      if (shards === undefined) values.set(key, [{ entry, stored }])
      else shards.push({ entry, stored })
    }
  }
  for (const shards of values.values()) {
    const first = shards.find(({ stored }) => stored.head !== null)
    const head = first?.stored.head
    if (first === undefined || head === undefined || head === null) continue
    const [, rule_id = ''] = first.entry.key.split('/')
    add(first.entry, rule_id, {
      type: 'new_value',
      scope: scopeOf(first.stored.group, rule_id),
      name: nameOf(namesOf(first.stored.group, rule_id)),
      first: head.run.first,
      values: valuesOf(
        shards.map(({ stored }) => stored),
        head.unit_us
      ),
      habit: null
    })
  }
  const key = ({ cluster_id, profile, scope, name }: LearntScope) => JSON.stringify([cluster_id, profile, scope, name])
  return found.sort((a, b) => (key(a) < key(b) ? -1 : 1))
}

/** Lines that show a scope. @param most values shown */
export function learntLines(learnt: LearntScope, most: number): readonly string[] {
  const day = (time: number) => new Date(Math.floor(time / 1000)).toISOString().slice(0, 16).replace('T', ' ')
  const { cluster_id, profile, scope, name, first, learns_until, values, habit } = learnt
  const until = learns_until === null ? '' : `, learns until ${day(learns_until)}`
  const head = `${profile}  ${scope}${name === '' ? '' : ` ${name}`}  cluster ${cluster_id}  since ${day(first)}${until}`
  if (habit !== null) {
    const { mean, deviation, periods, period_us } = habit
    const per = period_us === DAY_US ? 'a day' : period_us === null ? 'a period' : `in ${period_us / 3_600_000_000} h`
    return [head, `    ${mean.toFixed(1)} ± ${deviation.toFixed(1)} ${per}, after ${periods} periods`]
  }
  const more = values.length > most ? [`    and ${values.length - most} more`] : []
  return [head, ...values.slice(0, most).map(({ value, last_seen }) => `    ${day(last_seen)}  ${value}`), ...more]
}
