import { parseCondition as parseExpression } from './condition.ts'
import type { Problems } from './errors.ts'
import { RULE_LIMITS } from './limits.ts'
import { parseModifiers } from './modifiers.ts'
import { type ItemNode, itemsOf, type RuleNode } from './rule-tree.ts'
import { nearest } from './suggest.ts'
import type { Placed } from './weir-extension.ts'
import { entryOf, mapOf, type Source, type SourceEntry, type SourceMap, textOf, textsOf } from './yaml-source.ts'

/** Types of correlations. Source: sigma-correlation-rules-specification 2.1; absence and session are Weir's own. */
const TYPES = [
  'event_count',
  'value_count',
  'temporal',
  'temporal_ordered',
  'value_sum',
  'value_avg',
  'value_percentile',
  'absence',
  'session'
] as const
export type CorrelationType = (typeof TYPES)[number]

const COUNTED: ReadonlySet<string> = new Set(['value_count', 'value_sum', 'value_avg', 'value_percentile'])
const KEYS = [
  'type',
  'rules',
  'group-by',
  'timespan',
  'condition',
  'aliases',
  'generate',
  'field',
  'direction',
  'heard',
  'find'
]
const DIRECTIONS = ['after', 'before', 'around'] as const
const FINDS = ['attributed', 'unanswered', 'unasked'] as const
const CRITERIA = ['gt', 'gte', 'lt', 'lte', 'eq', 'neq'] as const

/** The correlation section of a document. */
export interface Correlation {
  readonly type: CorrelationType
  readonly rules: readonly Placed[]
  readonly group_by: readonly string[]
  readonly timespan_ms: number
  /** The condition as written: fields, criteria. Temporal correlations may have none, or an expression. */
  readonly criteria: ReadonlyMap<string, number>
  readonly expression: PartsExpression | null
  /** Of temporal_ordered: sequences of steps, one of which has to be there in order; null when it is every rule. */
  readonly sequences: readonly (readonly RuleNode[])[] | null
  readonly fields: readonly string[]
  readonly percentile: number | null
  /** Alias to rule to field. */
  readonly aliases: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** Whether the rules it refers to are to match by themselves, too. */
  readonly generate: boolean
  /** Of absence: where the events of the other rules are looked for, from an event of the first rule. */
  readonly direction: (typeof DIRECTIONS)[number]
  /**
   * Of absence: only told when events of the other rules were there in other groups both before and after, since a source that is silent
   * says nothing. Answers may come all the time: the first of the same values in each `answerGrain_ms` counts for all of them.
   */
  readonly heard: boolean
  /**
   * Of session: which sessions are told of. attributed: somebody's, in which something was detected; unanswered: asked of the API
   * and seen by no sensor; unasked: seen by a sensor and asked by nobody.
   */
  readonly find: (typeof FINDS)[number] | null
}

/** Which parts have to be there; leaves are items labelled with the rules as the correlation refers to them. */
export interface PartsExpression {
  readonly text: string
  readonly node: RuleNode
}

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A time such as 90m, in milliseconds. @returns null when it is none, which is reported */
export function parseTimespan(entry: SourceEntry, problems: Problems): number | null {
  const text = textOf(entry, problems, 10)
  if (text === null) return null
  const found = /^([1-9][0-9]{0,8})([smhd])$/.exec(text)
  const unit = UNITS_MS[found?.[2] ?? '']
  if (found === null || unit === undefined) {
    return problems.report(
      entry.value.at,
      'RULE_VALUE',
      'timespan has to be a number and one of s, m, h, d, such as 90m'
    )
  }
  return Number(found[1]) * unit
}

function parseAliases(entry: SourceEntry, problems: Problems): Correlation['aliases'] | null {
  const map = mapOf(entry, problems)
  if (map === null) return null
  const aliases = new Map<string, ReadonlyMap<string, string>>()
  for (const alias of map.entries) {
    const rules = mapOf(alias, problems)
    if (rules === null) return null
    const fields = new Map<string, string>()
    for (const rule of rules.entries) {
      const field = textOf(rule, problems)
      if (field === null) return null
      fields.set(rule.key, field)
    }
    aliases.set(alias.key, fields)
  }
  return aliases
}

interface Condition {
  readonly criteria: ReadonlyMap<string, number>
  readonly expression: PartsExpression | null
  readonly sequences: readonly (readonly RuleNode[])[] | null
  readonly fields: readonly string[]
  readonly percentile: number | null
}

const partNode = (label: string): ItemNode => ({
  kind: 'item',
  field: null,
  label,
  at: 0,
  expected: [],
  linking: 'any',
  negated: false,
  tests: []
})

const hasNot = (node: RuleNode): boolean =>
  node.kind === 'not' || ('children' in node ? node.children : 'child' in node ? [node.child] : []).some(hasNot)

/** Steps of a sequence, `a or b then c`: each an expression of rules, whose events come after those of the step before. */
function parseSteps(source: Source, rules: readonly string[], problems: Problems): readonly RuleNode[] | null {
  if (
    source.kind !== 'scalar' ||
    typeof source.value !== 'string' ||
    source.value.length > RULE_LIMITS.condition_characters
  )
    return problems.report(source.at, 'RULE_CONDITION', 'the condition of a sequence is text: a or b then c')
  const identifiers = new Map(rules.map((rule) => [rule, partNode(rule)]))
  const steps: RuleNode[] = []
  const used = new Set<string>()
  let start = 0
  for (const text of source.value.split(/(\sthen\s)/)) {
    const at = start
    start += text.length
    if (text.trim() === 'then') continue
    const textAt = source.textAt === null ? null : source.textAt + at
    const node = parseExpression({ ...source, value: text, textAt }, identifiers, problems)
    if (node === null) return null
    const say = (message: string): null => problems.report(textAt ?? source.at, 'RULE_CONDITION', message)
    if (hasNot(node)) return say('a step says what is there, not what is not')
    const labels = new Set(itemsOf(node).map(({ label }) => label))
    const twice = [...labels].find((label) => used.has(label))
    if (twice !== undefined) return say(`${twice} stands in two steps of one sequence`)
    for (const label of labels) used.add(label)
    steps.push(node)
  }
  return steps
}

function parseCondition(
  entry: SourceEntry,
  type: CorrelationType,
  rules: readonly string[],
  problems: Problems
): Condition | null {
  if (type === 'absence' || type === 'session') {
    const message = `${type} has no condition: it tells of each ${type === 'absence' ? 'event without answer' : 'session that it finds'}`
    return problems.report(entry.keyAt, 'RULE_UNSUPPORTED', message)
  }
  if (entry.value.kind === 'scalar' && type === 'temporal') {
    const text = textOf(entry, problems, 4096)
    const node =
      text === null
        ? null
        : parseExpression(entry.value, new Map(rules.map((rule) => [rule, partNode(rule)])), problems)
    return text === null || node === null
      ? null
      : { criteria: new Map(), expression: { text, node }, sequences: null, fields: [], percentile: null }
  }
  if (entry.value.kind !== 'map' && type === 'temporal_ordered') {
    const texts = entry.value.kind === 'list' ? entry.value.items : [entry.value]
    const sequences = texts.map((text) => parseSteps(text, rules, problems))
    return sequences.length === 0 || sequences.includes(null)
      ? problems.report(entry.value.at, 'RULE_CONDITION', 'there has to be at least one sequence that can be read')
      : {
          criteria: new Map(),
          expression: null,
          sequences: sequences.filter((steps) => steps !== null),
          fields: [],
          percentile: null
        }
  }
  const map = mapOf(entry, problems)
  if (map === null) return null
  const criteria = new Map<string, number>()
  let fields: readonly string[] = []
  let percentile: number | null = null
  for (const item of map.entries) {
    const { value } = item
    if (item.key === 'field') {
      fields = textsOf(item, problems) ?? []
      continue
    }
    const known = (CRITERIA as readonly string[]).includes(item.key) || item.key === 'percentile'
    if (!known) {
      return problems.report(
        item.keyAt,
        'RULE_KEY_UNKNOWN',
        `the condition has no criterion ${item.key}`,
        nearest(item.key, [...CRITERIA, 'field', 'percentile'])
      )
    }
    if (value.kind !== 'scalar' || typeof value.value !== 'number') {
      return problems.report(value.at, 'RULE_VALUE', `${item.key} has to be a number`)
    }
    if (item.key === 'percentile') percentile = value.value
    else criteria.set(item.key, value.value)
  }
  if (criteria.size === 0)
    return problems.report(map.at, 'RULE_KEY_MISSING', `the condition needs one of ${CRITERIA.join(', ')}`)
  if (COUNTED.has(type) && fields.length === 0) {
    return problems.report(map.at, 'RULE_KEY_MISSING', `the condition of ${type} needs a field`)
  }
  if (type === 'value_percentile' && (percentile === null || percentile < 0 || percentile > 100)) {
    return problems.report(
      map.at,
      'RULE_KEY_MISSING',
      'the condition of value_percentile needs a percentile from 0 to 100'
    )
  }
  return { criteria, expression: null, sequences: null, fields, percentile }
}

/**
 * Reads and checks the correlation section of a document.
 * @returns null when it is wrong; all that is wrong is reported
 */
export function parseCorrelation(section: SourceMap, problems: Problems): Correlation | null {
  const before = problems.found.length
  for (const { key, keyAt } of section.entries) {
    if (!KEYS.includes(key))
      problems.report(keyAt, 'RULE_KEY_UNKNOWN', `correlation has no key ${key}`, nearest(key, KEYS))
  }
  const required = (key: string): SourceEntry | null => {
    const entry = entryOf(section, key)
    return entry ?? problems.report(section.at, 'RULE_KEY_MISSING', `${key} is missing in correlation`)
  }
  const typeEntry = required('type')
  const typeText = typeEntry === null ? null : textOf(typeEntry, problems)
  const type = TYPES.find((known) => known === typeText) ?? null
  if (typeEntry !== null && typeText !== null && type === null) {
    problems.report(
      typeEntry.value.at,
      'RULE_VALUE',
      `${typeText} is not a type of correlation`,
      nearest(typeText, TYPES)
    )
  }
  const rulesEntry = required('rules')
  const references = rulesEntry === null ? [] : (textsOf(rulesEntry, problems) ?? [])
  const places =
    rulesEntry?.value.kind === 'list' ? rulesEntry.value.items : rulesEntry === null ? [] : [rulesEntry.value]
  if (rulesEntry !== null && references.length === 0)
    problems.report(rulesEntry.value.at, 'RULE_VALUE', 'rules is empty')
  const timespanEntry = required('timespan')
  const timespan = timespanEntry === null ? null : parseTimespan(timespanEntry, problems)
  const groupBy = entryOf(section, 'group-by')
  const groups = groupBy === undefined ? [] : textsOf(groupBy, problems)
  for (const group of groups ?? []) {
    if (group.includes('|')) parseModifiers(group.split('|').slice(1), groupBy?.value.at ?? section.at, problems)
  }
  const aliasesEntry = entryOf(section, 'aliases')
  const aliases = aliasesEntry === undefined ? new Map() : parseAliases(aliasesEntry, problems)
  const generateEntry = entryOf(section, 'generate')
  const generate =
    generateEntry?.value.kind === 'scalar' ? generateEntry.value.value : generateEntry === undefined ? false : null
  if (typeof generate !== 'boolean') {
    problems.report(generateEntry?.value.at ?? section.at, 'RULE_VALUE', 'generate has to be true or false')
  }
  const conditionEntry = entryOf(section, 'condition')
  const optional = type === 'temporal' || type === 'temporal_ordered' || type === 'absence' || type === 'session'
  const directionEntry = entryOf(section, 'direction')
  const directionText = directionEntry === undefined ? 'after' : textOf(directionEntry, problems)
  const direction = DIRECTIONS.find((known) => known === directionText) ?? null
  if (directionEntry !== undefined && (direction === null || type !== 'absence')) {
    problems.report(
      directionEntry.value.at,
      'RULE_VALUE',
      `direction belongs to absence and is one of ${DIRECTIONS.join(', ')}`,
      nearest(directionText ?? '', DIRECTIONS)
    )
  }
  const heardEntry = entryOf(section, 'heard')
  const heard = heardEntry?.value.kind === 'scalar' ? heardEntry.value.value : heardEntry === undefined ? false : null
  if (typeof heard !== 'boolean' || (heard && type !== 'absence'))
    problems.report(heardEntry?.value.at ?? section.at, 'RULE_VALUE', 'heard belongs to absence and is true or false')
  const findEntry = entryOf(section, 'find')
  const findText = findEntry === undefined ? null : textOf(findEntry, problems)
  const find = FINDS.find((known) => known === findText) ?? null
  if ((find === null) === (type === 'session') || (findEntry !== undefined && find === null)) {
    problems.report(
      findEntry?.value.at ?? section.at,
      'RULE_VALUE',
      `session has find, one of ${FINDS.join(', ')}; other correlations have none`,
      find === null ? nearest(findText ?? '', FINDS) : null
    )
  }
  if (type === 'absence' && references.length < 2) {
    problems.report(
      rulesEntry?.value.at ?? section.at,
      'RULE_VALUE',
      'absence needs the rule that waits for an answer and at least one rule that is an answer'
    )
  }
  let condition: Condition | null = {
    criteria: new Map(),
    expression: null,
    sequences: null,
    fields: [],
    percentile: null
  }
  if (conditionEntry !== undefined && type !== null)
    condition = parseCondition(conditionEntry, type, references, problems)
  else if (type !== null && !optional) required('condition')
  if (
    problems.found.length > before ||
    type === null ||
    timespan === null ||
    groups === null ||
    direction === null ||
    aliases === null ||
    condition === null
  ) {
    return null
  }
  return {
    type,
    rules: references.map((text, index) => ({ text, at: places[index]?.at ?? section.at })),
    group_by: groups,
    timespan_ms: timespan,
    ...condition,
    aliases,
    generate: generate === true,
    direction,
    heard: heard === true,
    find
  }
}
