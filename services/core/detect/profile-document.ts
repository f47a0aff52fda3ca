import type { Severity } from '../../../schemas/generated/types.ts'
import { parseTimespan } from './correlation-document.ts'
import type { Problems } from './errors.ts'
import { nearest } from './suggest.ts'
import { isLevel, type Placed } from './weir-extension.ts'
import { entryOf, mapOf, type SourceMap, textOf, textsOf } from './yaml-source.ts'

/** For whom a value can be new, the widest first. */
export const PROFILE_SCOPES = ['cluster', 'namespace', 'identity'] as const
export type ProfileScope = (typeof PROFILE_SCOPES)[number]

const PROFILE_TYPES = ['new_value', 'rate'] as const

/** What is more than the habit, for profiles of type rate. */
export interface Rate {
  /** Length of the periods in which is counted; they lie side by side and begin at midnight UTC. */
  readonly period_ms: number
  /** Fewer than this are never told of. */
  readonly least: number
  /** How many standard deviations above the mean is too many. */
  readonly deviations: number
}

/** When what is new is to be expected: after the rules of a release matched for the workload. */
export interface Release {
  readonly rules: readonly Placed[]
  readonly within_ms: number
}

/** The profile section of a document: what is remembered, and for whom. */
export interface Profile {
  readonly type: (typeof PROFILE_TYPES)[number]
  readonly rules: readonly Placed[]
  /** Fields whose values, together, are remembered; none for rates. */
  readonly of: readonly string[]
  /** Per scope, the fields that name it; the widest scope first. */
  readonly scopes: ReadonlyArray<{
    readonly scope: ProfileScope
    readonly fields: readonly string[]
    readonly level: Severity
  }>
  readonly memory_ms: number
  readonly learn_ms: number
  /** Only of type rate. */
  readonly rate: Rate | null
  readonly release: Release | null
}

const KEYS = {
  new_value: ['type', 'rules', 'of', 'for', 'memory', 'learn', 'levels', 'release'],
  rate: ['type', 'rules', 'for', 'memory', 'learn', 'levels', 'per', 'least', 'deviations']
} as const
const NEEDED = { new_value: ['type', 'rules', 'of', 'for'], rate: ['type', 'rules', 'for', 'per', 'least'] } as const
const RELEASE_KEYS = ['rules', 'within']
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** Shorter habits than these have too few periods to know a habit from. */
const LEAST_PERIODS = 7
const MAX_NUMBER = 1_000_000
const LEVELS: Readonly<Record<ProfileScope, Severity>> = { cluster: 'high', namespace: 'medium', identity: 'low' }

function parseLevels(section: SourceMap, problems: Problems): Readonly<Record<ProfileScope, Severity>> {
  const entry = entryOf(section, 'levels')
  const map = entry === undefined ? null : mapOf(entry, problems)
  const levels = { ...LEVELS }
  for (const item of map?.entries ?? []) {
    const scope = PROFILE_SCOPES.find((known) => known === item.key)
    const text = textOf(item, problems) ?? ''
    if (scope === undefined)
      problems.report(item.keyAt, 'RULE_KEY_UNKNOWN', `${item.key} is no scope`, nearest(item.key, PROFILE_SCOPES))
    else if (isLevel(text)) levels[scope] = text
    else problems.report(item.value.at, 'RULE_VALUE', `${text} is not a level`)
  }
  return levels
}

function placedTexts(section: SourceMap, key: string, problems: Problems): readonly Placed[] {
  const entry = entryOf(section, key)
  if (entry === undefined) return []
  const places = entry.value.kind === 'list' ? entry.value.items : []
  return (textsOf(entry, problems) ?? []).map((text, index) => ({ text, at: places[index]?.at ?? section.at }))
}

function timespanOf(section: SourceMap, key: string, otherwise_ms: number, problems: Problems): number | null {
  const entry = entryOf(section, key)
  return entry === undefined ? otherwise_ms : parseTimespan(entry, problems)
}

function numberOf(section: SourceMap, key: string, otherwise: number, problems: Problems): number {
  const entry = entryOf(section, key)
  if (entry === undefined) return otherwise
  const number = entry.value.kind === 'scalar' ? entry.value.value : null
  if (typeof number === 'number' && number > 0 && number <= MAX_NUMBER) return number
  problems.report(entry.value.at, 'RULE_VALUE', `${key} has to be a number above 0, at most ${MAX_NUMBER}`)
  return otherwise
}

function parseRate(section: SourceMap, memory_ms: number, problems: Problems): Rate {
  const per = entryOf(section, 'per')
  const period_ms = timespanOf(section, 'per', DAY_MS, problems) ?? DAY_MS
  const at = per?.value.at ?? section.at
  if (DAY_MS % period_ms !== 0 || period_ms < 600_000)
    problems.report(at, 'RULE_VALUE', 'per has to divide a day, and be 10m or more: 10m, 1h, 6h, 1d')
  else if (memory_ms < period_ms * LEAST_PERIODS)
    problems.report(at, 'RULE_VALUE', `memory has to hold at least ${LEAST_PERIODS} of the periods of per`)
  return {
    period_ms,
    least: Math.ceil(numberOf(section, 'least', 20, problems)),
    deviations: numberOf(section, 'deviations', 4, problems)
  }
}

function parseRelease(section: SourceMap, problems: Problems): Release | null {
  const entry = entryOf(section, 'release')
  const map = entry === undefined ? null : mapOf(entry, problems)
  if (map === null) return null
  for (const { key, keyAt } of map.entries) {
    if (!RELEASE_KEYS.includes(key))
      problems.report(keyAt, 'RULE_KEY_UNKNOWN', `release has no key ${key}`, nearest(key, RELEASE_KEYS))
  }
  const rules = placedTexts(map, 'rules', problems)
  if (rules.length === 0) problems.report(map.at, 'RULE_KEY_MISSING', 'rules is missing in release, or empty')
  const within_ms = timespanOf(map, 'within', HOUR_MS, problems) ?? HOUR_MS
  if (within_ms > DAY_MS) problems.report(map.at, 'RULE_VALUE', 'within has to be a day or less')
  return { rules, within_ms }
}

/**
 * Reads and checks the profile section of a document.
 * @returns null when it is wrong; all that is wrong is reported
 */
export function parseProfile(section: SourceMap, problems: Problems): Profile | null {
  const before = problems.found.length
  const typeEntry = entryOf(section, 'type')
  const written = typeEntry === undefined ? 'new_value' : (textOf(typeEntry, problems) ?? '')
  const type = PROFILE_TYPES.find((known) => known === written)
  if (type === undefined) {
    const at = typeEntry?.value.at ?? section.at
    const message = `the types of profiles are new_value and rate, not ${written}`
    return problems.report(at, 'RULE_UNSUPPORTED', message, nearest(written, PROFILE_TYPES))
  }
  const keys: readonly string[] = KEYS[type]
  for (const { key, keyAt } of section.entries) {
    if (!keys.includes(key))
      problems.report(keyAt, 'RULE_KEY_UNKNOWN', `a profile of type ${type} has no key ${key}`, nearest(key, keys))
  }
  for (const key of NEEDED[type]) {
    if (entryOf(section, key) === undefined)
      problems.report(section.at, 'RULE_KEY_MISSING', `${key} is missing in profile`)
  }
  const rules = placedTexts(section, 'rules', problems)
  const fields = placedTexts(section, 'of', problems).map(({ text }) => text)
  const forEntry = entryOf(section, 'for')
  const scopeMap = forEntry === undefined ? null : mapOf(forEntry, problems)
  const levels = parseLevels(section, problems)
  for (const item of scopeMap?.entries ?? []) {
    if (!PROFILE_SCOPES.some((scope) => scope === item.key))
      problems.report(item.keyAt, 'RULE_KEY_UNKNOWN', `${item.key} is no scope`, nearest(item.key, PROFILE_SCOPES))
  }
  const scopes = PROFILE_SCOPES.flatMap((scope) => {
    const entry = scopeMap === null ? undefined : entryOf(scopeMap, scope)
    return entry === undefined ? [] : [{ scope, fields: textsOf(entry, problems) ?? [], level: levels[scope] }]
  })
  const isEmpty = rules.length === 0 || scopes.length === 0 || (type === 'new_value' && fields.length === 0)
  if (problems.found.length === before && isEmpty)
    problems.report(section.at, 'RULE_VALUE', `${NEEDED[type].slice(1).join(', ')} must not be empty`)
  const memory_ms = timespanOf(section, 'memory', 30 * DAY_MS, problems)
  const learn_ms = timespanOf(section, 'learn', 14 * DAY_MS, problems)
  const release = parseRelease(section, problems)
  const rate = type === 'rate' ? parseRate(section, memory_ms ?? 30 * DAY_MS, problems) : null
  if (memory_ms === null || learn_ms === null || problems.found.length > before) return null
  if (memory_ms < DAY_MS)
    return problems.report(
      section.at,
      'RULE_VALUE',
      'memory has to be a day or more: values are remembered by the hour'
    )
  if (learn_ms >= memory_ms) return problems.report(section.at, 'RULE_VALUE', 'learn has to be shorter than memory')
  return { type, rules, of: fields, scopes, memory_ms, learn_ms, rate, release }
}
