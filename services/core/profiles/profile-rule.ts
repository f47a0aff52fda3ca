import { hash } from 'node:crypto'
import type { Severity } from '../../../schemas/generated/types.ts'
import type { Problems } from '../detect/errors.ts'
import type { Profile } from '../detect/profile-document.ts'
import type { Library } from '../detect/rule-library.ts'
import { attackOf, type ProfileDocument } from '../detect/sigma-document.ts'
import { nearest } from '../detect/suggest.ts'
import type { Placed } from '../detect/weir-extension.ts'
import type { CarriedField } from '../windows/link-correlations.ts'

/** What names the workload that is released, and the workload in which something new happens. */
export const WORKLOAD_FIELDS = ['workload.namespace', 'workload.kind', 'workload.name'] as const

const HOUR_US = 3_600_000_000
const DAY_US = 24 * HOUR_US
/** From this memory on, days are told apart and hours are not. */
const DAYS_FROM_US = 10 * DAY_US

/** A profile whose references are resolved. */
export interface ProfileRule {
  readonly id: string
  readonly document: ProfileDocument
  readonly profile: Profile
  /** Ids of the rules whose events feed it. */
  readonly parts: readonly string[]
  /** Ids of the rules that say that a workload is released. */
  readonly releases: readonly string[]
  readonly level: Severity
  readonly tactics: readonly string[]
  readonly techniques: readonly string[]
  /** When a value was seen is remembered in units of this, microseconds: a day, or an hour where memory is short. */
  readonly unit_us: number
  /** Units after which a value is forgotten. */
  readonly memory_units: number
  /** Differs when what is remembered would mean something else. */
  readonly fingerprint: string
}

export interface LinkedProfiles {
  readonly profiles: readonly ProfileRule[]
  readonly carried: ReadonlyMap<string, readonly CarriedField[]>
  /** Ids of the rules that feed profiles: those that are informational only do that. */
  readonly parts: ReadonlySet<string>
}

function unitsOf({ type, of, scopes, memory_ms, rate }: Profile) {
  const unit_us = memory_ms * 1000 >= DAYS_FROM_US ? DAY_US : HOUR_US
  const meaning = JSON.stringify([
    type,
    of,
    scopes.map(({ scope, fields }) => [scope, fields]),
    unit_us,
    rate?.period_ms
  ])
  return {
    unit_us,
    memory_units: Math.ceil((memory_ms * 1000) / unit_us),
    fingerprint: hash('sha256', meaning, 'hex').slice(0, 16)
  }
}

/** Fields that the signals of a profile have, by which correlations can group them: what is counted, scopes, and the released workload. */
export function fieldsOfResults({ of, scopes, release }: Profile): readonly string[] {
  const names = [...of, ...scopes.flatMap(({ fields }) => fields), ...(release === null ? [] : WORKLOAD_FIELDS)]
  return [...new Set(names)]
}

/**
 * How long after its time a profile's signal may still change though no event of before comes, microseconds: to the end of the hour in which
 * new values are told as one, or of the period in which events are counted.
 */
export function settledAfter_us({ rate }: Profile): number {
  return rate === null ? HOUR_US : rate.period_ms * 1000
}

/** Resolves the rules that profiles refer to, and which fields their signals have to carry; what is wrong is reported. */
export function linkProfiles(library: Library): LinkedProfiles {
  const targets = new Map<string, string>()
  for (const { document } of library.rules) {
    targets.set(document.id, document.id)
    if (document.name !== null) targets.set(document.name, document.id)
  }
  const carried = new Map<string, CarriedField[]>()
  const parts = new Set<string>()
  const profiles: ProfileRule[] = []
  const carry = (id: string, name: string, correlation: string, at: number, problems: Problems) =>
    carried.set(id, [...(carried.get(id) ?? []), { name, correlation, at, problems }])
  for (const { document, problems } of library.profiles) {
    const { profile } = document
    const fields = fieldsOfResults(profile)
    const resolve = (rules: readonly Placed[], names: Iterable<string>): string[] =>
      rules.flatMap(({ text, at }) => {
        const id = targets.get(text)
        if (id === undefined) {
          problems.report(at, 'RULE_REFERENCE', `there is no rule ${text}`, nearest(text, targets.keys()))
          return []
        }
        // The rules of a profile's own file feed it and nothing else.
        if (library.rules.some((rule) => rule.document.id === id && rule.document.file === document.file)) parts.add(id)
        for (const name of names) carry(id, name, document.id, at, problems)
        return [id]
      })
    const fed = resolve(profile.rules, fields)
    const release = profile.release?.rules ?? []
    const releases = resolve(release, WORKLOAD_FIELDS)
    if (fed.length < profile.rules.length || releases.length < release.length) continue
    const level = profile.scopes[0]?.level ?? 'low'
    profiles.push({
      id: document.id,
      document,
      profile,
      parts: fed,
      releases,
      level,
      ...attackOf(document.tags),
      ...unitsOf(profile)
    })
  }
  return { profiles, carried, parts }
}
