import { parseCondition } from './condition.ts'
import type { Problems } from './errors.ts'
import { RULE_LIMITS } from './limits.ts'
import { type Modifier, type Placeholders, parseModifiers, valueTest, writtenValue } from './modifiers.ts'
import { countItems, type RuleNode, type ValueTest } from './rule-tree.ts'
import { entryOf, kindName, type Source, type SourceEntry, type SourceMap, type SourceScalar } from './yaml-source.ts'

/**
 * One key of a search identifier with its values.
 * @param within whether it stands inside a map that is a value: there it is about one element, and has to name a field of it
 */
function parseItem(
  entry: SourceEntry,
  placeholders: Placeholders,
  problems: Problems,
  within: boolean
): RuleNode | null {
  const [field = '', ...names] = entry.key.split('|')
  if (within && field === '') {
    return problems.report(
      entry.keyAt,
      'RULE_VALUE',
      'inside a map that is a value, a key has to name a field of the element'
    )
  }
  const modifiers = parseModifiers(names, entry.keyAt, problems)
  const sources = entry.value.kind === 'list' ? entry.value.items : [entry.value]
  if (modifiers === null) return null
  if (sources.length === 0)
    return problems.report(entry.value.at, 'RULE_VALUE', `the list of values of ${entry.key} is empty`)
  if (sources.length > RULE_LIMITS.values) {
    return problems.report(entry.value.at, 'RULE_TOO_LARGE', `${entry.key} has more than ${RULE_LIMITS.values} values`)
  }
  return makeItem(field === '' ? null : field, entry.key, entry.keyAt, modifiers, sources, placeholders, problems)
}

function makeItem(
  field: string | null,
  label: string,
  at: number,
  modifiers: readonly Modifier[],
  sources: readonly Source[],
  placeholders: Placeholders,
  problems: Problems
): RuleNode | null {
  const tests: ValueTest[] = []
  const expected: string[] = []
  let wrong = false
  for (const written of sources) {
    const source = field === null ? asText(written) : written
    if (source.kind === 'map' && field !== null) {
      const test = elementTest(source, label, at, modifiers, placeholders, problems)
      if (test === null) wrong = true
      else {
        tests.push(test)
        expected.push(writtenSource(source))
      }
      continue
    }
    if (source.kind !== 'scalar') {
      problems.report(
        source.at,
        'RULE_VALUE',
        `a value of ${label || 'a keyword list'} is ${kindName(source)}, not a single value`
      )
      wrong = true
      continue
    }
    if (field === null && source.value === null) {
      problems.report(source.at, 'RULE_VALUE', 'null needs a field')
      wrong = true
      continue
    }
    const test = valueTest(
      source,
      field === null ? keywordModifiers(modifiers, source) : modifiers,
      placeholders,
      problems
    )
    if (test === null) wrong = true
    else {
      tests.push(test)
      expected.push(writtenValue(source))
    }
  }
  if (
    field === null &&
    tests.some(({ kind }) => kind === 'exists' || kind === 'fieldref' || kind === 'compare' || kind === 'time')
  ) {
    return problems.report(at, 'RULE_MODIFIER_MISUSED', `${label} needs a field`)
  }
  if (wrong) return null
  return {
    kind: 'item',
    field,
    label,
    at,
    expected,
    linking: modifiers.includes('all') ? 'all' : 'any',
    negated: modifiers.includes('neq'),
    tests
  }
}

/**
 * A map as a value: some element of the field for which all of the map holds.
 * Weir's own reading: the specification gives such a value no meaning, and no published rule has one.
 */
function elementTest(
  source: SourceMap,
  label: string,
  at: number,
  modifiers: readonly Modifier[],
  placeholders: Placeholders,
  problems: Problems
): ValueTest | null {
  const misused = modifiers.find((modifier) => modifier !== 'all' && modifier !== 'neq')
  if (misused !== undefined) {
    return problems.report(
      at,
      'RULE_MODIFIER_MISUSED',
      `${misused} cannot be applied to the map of ${label}: put it to the fields inside`
    )
  }
  if (source.entries.length === 0) return problems.report(source.at, 'RULE_VALUE', `the map of ${label} is empty`)
  const node = combine(
    'and',
    source.entries.map((entry) => parseItem(entry, placeholders, problems, true))
  )
  return node === null ? null : { kind: 'element', node, at: source.at }
}

/** A value as it was written, for people. */
function writtenSource(source: Source): string {
  if (source.kind === 'scalar') return writtenValue(source)
  if (source.kind === 'list') return `[${source.items.map(writtenSource).join(', ')}]`
  return `{ ${source.entries.map(({ key, value }) => `${key}: ${writtenSource(value)}`).join(', ')} }`
}

/** A number among keywords is the text of it. */
function asText(source: Source): Source {
  const isText = source.kind !== 'scalar' || source.value === null || typeof source.value === 'string'
  return isText ? source : { ...source, value: String(source.value) }
}

/** Keywords are looked for anywhere in the event's texts: a keyword is `contains` unless something else is said of it. */
function keywordModifiers(modifiers: readonly Modifier[], source: SourceScalar): readonly Modifier[] {
  const whole: readonly Modifier[] = ['re', 'contains', 'startswith', 'endswith', 'cidr', 'exists', 'fieldref']
  if (typeof source.value !== 'string' || modifiers.some((modifier) => whole.includes(modifier))) return modifiers
  return [...modifiers, 'contains']
}

/**
 * A search identifier: a map is all of its items, a list of maps any of them, a list of values keywords.
 * Source: sigma-rules-specification 2.x, "Detection".
 */
function parseIdentifier(source: Source, placeholders: Placeholders, problems: Problems): RuleNode | null {
  if (source.kind === 'map') {
    if (source.entries.length === 0) return problems.report(source.at, 'RULE_VALUE', 'a search identifier is empty')
    const children = source.entries.map((entry) => parseItem(entry, placeholders, problems, false))
    return combine('and', children)
  }
  const items = source.kind === 'list' ? source.items : [source]
  if (items.length === 0) return problems.report(source.at, 'RULE_VALUE', 'a search identifier is empty')
  if (items.length > RULE_LIMITS.values) {
    return problems.report(
      source.at,
      'RULE_TOO_LARGE',
      `a search identifier has more than ${RULE_LIMITS.values} values`
    )
  }
  if (items.every(({ kind }) => kind === 'scalar')) {
    return makeItem(null, '', source.at, [], items, placeholders, problems)
  }
  return combine(
    'or',
    items.map((item) => parseIdentifier(item, placeholders, problems))
  )
}

function combine(kind: 'and' | 'or', children: readonly (RuleNode | null)[]): RuleNode | null {
  const made = children.filter((child) => child !== null)
  if (made.length < children.length) return null
  const [only] = made
  return made.length === 1 && only !== undefined ? only : { kind, children: made }
}

/**
 * A detection section, or the filter section of a filter: search identifiers and a condition over them.
 * @param reserved keys that are no search identifiers beside `condition`
 * @returns null when any of it is wrong; all that is wrong is reported
 */
export function parseDetection(
  section: SourceMap,
  reserved: readonly string[],
  placeholders: Placeholders,
  problems: Problems
): RuleNode | null {
  const identifiers = new Map<string, RuleNode>()
  let wrong = false
  for (const entry of section.entries) {
    if (entry.key === 'condition' || reserved.includes(entry.key)) continue
    if (entry.key === 'timeframe') {
      problems.report(entry.keyAt, 'RULE_UNSUPPORTED', 'timeframe was replaced by correlation documents in Sigma 2')
      wrong = true
      continue
    }
    const node = parseIdentifier(entry.value, placeholders, problems)
    if (node === null) wrong = true
    else identifiers.set(entry.key, node)
  }
  const condition = entryOf(section, 'condition')
  if (condition === undefined) return problems.report(section.at, 'RULE_KEY_MISSING', 'condition is missing')
  // With a broken identifier the condition would be blamed for naming it.
  if (wrong) return null
  if (identifiers.size === 0) return problems.report(section.at, 'RULE_KEY_MISSING', 'there is no search identifier')
  const sources = condition.value.kind === 'list' ? condition.value.items : [condition.value]
  const nodes = sources.map((source) =>
    source.kind === 'scalar'
      ? parseCondition(source, identifiers, problems)
      : problems.report(source.at, 'RULE_CONDITION', 'a condition has to be text')
  )
  if (nodes.length === 0) return problems.report(condition.value.at, 'RULE_CONDITION', 'the condition is empty')
  const node = combine('or', nodes)
  if (node !== null && countItems(node, RULE_LIMITS.rule_items) > RULE_LIMITS.rule_items) {
    return problems.report(section.at, 'RULE_TOO_LARGE', `the condition uses more than ${RULE_LIMITS.rule_items} items`)
  }
  return node
}
