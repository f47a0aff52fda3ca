import type { Severity } from '../../../schemas/generated/types.ts'
import { parseTimespan } from './correlation-document.ts'
import type { Problems } from './errors.ts'
import { nearest } from './suggest.ts'
import { isLevel, type Placed } from './weir-extension.ts'
import { entryOf, mapOf, type SourceMap, textOf, textsOf } from './yaml-source.ts'

/** For whom a value can be new, the widest first. */
export const PROFILE_SCOPES = ['cluster', 'namespace', 'identity'] as const
export type ProfileScope = (typeof PROFILE_SCOPES)[number]

/** The profile section of a document: what is remembered, and for whom. */
export interface Profile {
  readonly type: 'new_value'
  readonly rules: readonly Placed[]
  /** Fields whose values, together, are remembered. */
  readonly of: readonly string[]
  /** Per scope, the fields that name it; the widest scope first. */
  readonly scopes: ReadonlyArray<{
    readonly scope: ProfileScope
    readonly fields: readonly string[]
    readonly level: Severity
  }>
  readonly memory_ms: number
  readonly learn_ms: number
}

const KEYS = ['type', 'rules', 'of', 'for', 'memory', 'learn', 'levels']
const DAY_MS = 86_400_000
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

/**
 * Reads and checks the profile section of a document.
 * @returns null when it is wrong; all that is wrong is reported
 */
export function parseProfile(section: SourceMap, problems: Problems): Profile | null {
  const before = problems.found.length
  for (const { key, keyAt } of section.entries) {
    if (!KEYS.includes(key)) problems.report(keyAt, 'RULE_KEY_UNKNOWN', `profile has no key ${key}`, nearest(key, KEYS))
  }
  for (const key of ['type', 'rules', 'of', 'for']) {
    if (entryOf(section, key) === undefined)
      problems.report(section.at, 'RULE_KEY_MISSING', `${key} is missing in profile`)
  }
  const type = entryOf(section, 'type')
  if (type !== undefined && textOf(type, problems) !== 'new_value')
    problems.report(type.value.at, 'RULE_UNSUPPORTED', 'the only type of profile is new_value')
  const rulesEntry = entryOf(section, 'rules')
  const rules = rulesEntry === undefined ? [] : (textsOf(rulesEntry, problems) ?? [])
  const places = rulesEntry?.value.kind === 'list' ? rulesEntry.value.items : []
  const ofEntry = entryOf(section, 'of')
  const fields = ofEntry === undefined ? [] : (textsOf(ofEntry, problems) ?? [])
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
  if (problems.found.length === before && (rules.length === 0 || fields.length === 0 || scopes.length === 0))
    problems.report(section.at, 'RULE_VALUE', 'rules, of and for must not be empty')
  const memory = entryOf(section, 'memory')
  const learn = entryOf(section, 'learn')
  const memory_ms = memory === undefined ? 30 * DAY_MS : parseTimespan(memory, problems)
  const learn_ms = learn === undefined ? 14 * DAY_MS : parseTimespan(learn, problems)
  if (memory_ms === null || learn_ms === null || problems.found.length > before) return null
  if (learn_ms >= memory_ms) {
    return problems.report(section.at, 'RULE_VALUE', 'learn has to be shorter than memory')
  }
  return {
    type: 'new_value',
    rules: rules.map((text, index) => ({ text, at: places[index]?.at ?? section.at })),
    of: fields,
    scopes,
    memory_ms,
    learn_ms
  }
}
