import type { CorrelatorState, Signal } from '../../../schemas/generated/types.ts'
import { type Agenda, emptyAgenda } from './agenda.ts'
import type { KnownValues } from './known-values.ts'
import type { ProfileRule } from './profile-rule.ts'
import type { RateGroup } from './rate-group.ts'

/** A run of events of one scope with no gap longer than the memory. */
export interface Run {
  /** Time of its first event, from which on it learns; microseconds since the epoch. */
  readonly first: number
  /** Unit of its latest event. */
  readonly latest: number
}

/** What is known of one identity, namespace or cluster. */
export interface ValueGroup {
  readonly key: string
  readonly rule: ProfileRule
  /** Index of its scope in the profile. */
  readonly scope: number
  /** Values of the fields that name it. */
  readonly names: readonly (readonly string[])[]
  run: Run
  /** The run before, in case late events show that both are one. */
  before: Run | null
  readonly known: KnownValues
  /** By value, the event in which it was new, while an earlier one may still come. */
  readonly fresh: Map<string, NewEvent>
}

/** That an event is the first with its value in a scope. */
export interface Standing {
  readonly group: ValueGroup
  /** Unit in which the value was last seen before. */
  readonly previous: number | null
  /** Whether the scope had learnt enough; null while it may turn out otherwise. */
  isLearnt: boolean | null
}

/** An event in which something was new, while that may turn out otherwise or more of the same may come. */
export interface NewEvent {
  readonly key: string
  readonly rule: ProfileRule
  readonly signal: Signal
  readonly value: string
  /** By index of the scope. */
  readonly standing: Map<number, Standing>
  crowd: Crowd | null
}

/** What is new for one scope within one hour: few are told one by one, many as one. */
export interface Crowd {
  readonly key: string
  readonly rule: ProfileRule
  readonly group: ValueGroup
  /** End of its hour, microseconds since the epoch. */
  readonly until: number
  readonly members: Set<NewEvent>
  told: Told
}

/** What was told, by id of the signal. */
export type Told = ReadonlyMap<string, Signal>

/** Everything profiles know of one cluster. Changed in place by the reducer that owns it. */
export interface ProfileState {
  readonly cluster_id: string
  /** By profile, scope and its name; the least recently changed first. */
  readonly groups: Map<string, ValueGroup>
  /** Values in all groups. */
  values: number
  readonly rates: Map<string, RateGroup>
  readonly events: Map<string, NewEvent>
  readonly crowds: Map<string, Crowd>
  /** Times of releases by profile and workload, in order. */
  readonly releases: Map<string, readonly number[]>
  readonly agenda: Agenda
  /** No event of an earlier time is expected any more, microseconds since the epoch. */
  closed_before: number
  /** The hour up to which what is too old was forgotten. */
  swept: number
  /** Groups of which the changelog holds less than is known. */
  readonly dirty: Set<ValueGroup | RateGroup>
  /** What was changed since the last batch, to be written to the changelog; null is a tombstone. */
  readonly changes: Map<string, CorrelatorState | null>
}

export function emptyProfileState(cluster_id: string): ProfileState {
  return {
    cluster_id,
    groups: new Map(),
    values: 0,
    rates: new Map(),
    events: new Map(),
    crowds: new Map(),
    releases: new Map(),
    agenda: emptyAgenda(),
    closed_before: Number.NEGATIVE_INFINITY,
    swept: Number.NEGATIVE_INFINITY,
    dirty: new Set(),
    changes: new Map()
  }
}

/** Key of a scope of a profile. */
export function scopeKey({ id, profile }: ProfileRule, scope: number, names: readonly (readonly string[])[]): string {
  return `${id}/${profile.scopes[scope]?.scope ?? scope}/${JSON.stringify(names)}`
}

/** Values of fields that a signal carries, null when one of them has none. */
export function carried(
  { correlation_fields: fields }: Signal,
  names: readonly string[]
): readonly (readonly string[])[] | null {
  const texts = names.map((name) => (Object.hasOwn(fields, name) ? (fields[name] ?? []) : []))
  return texts.some((values) => values.length === 0) ? null : texts
}

/** Order of events: by time, at the same time by id, so that it does not depend on arrival. */
export const bySignalOrder = (a: Signal, b: Signal): number =>
  a.time - b.time || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
