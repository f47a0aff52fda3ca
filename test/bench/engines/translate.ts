import type { FieldTest, Item, Rule } from './workload.ts'

/**
 * Rules in the languages of the engines. Engines without comparisons that ignore case are given every text a second time, in lower
 * case, as `<field>_lower`: their harness makes it once per event, inside what is measured.
 */

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

function joined(parts: readonly string[], operator: string): string {
  const [only] = parts
  return parts.length === 1 && only !== undefined ? only : `(${parts.join(` ${operator} `)})`
}

/** @param item writes an item in the language */
function conditionOf(
  { selection, filter }: Rule,
  item: (item: Item) => string,
  words: { readonly and: string; readonly not: string }
): string {
  const selected = selection.map(item)
  const filtered = filter === null ? [] : [`${words.not}(${joined(filter.map(item), words.and)})`]
  return [...selected, ...filtered].join(` ${words.and} `)
}

function numbersOf(tests: readonly FieldTest[]): readonly number[] {
  return tests.flatMap((test) => (test.kind === 'equal' ? test.number : []))
}

function exactTexts(tests: readonly FieldTest[]): readonly string[] {
  return tests.flatMap((test) => (test.kind === 'exact' ? test.text.toLowerCase() : []))
}

/** `like` pattern of EPL: what is special in it is escaped. */
const likeText = (text: string): string => text.toLowerCase().replace(/[%_\\]/g, '\\$&')

function eplTest(field: string, test: FieldTest): string {
  const like = (pattern: string) => `${field}_lower like ${quoted(pattern)} escape '\\\\'`
  switch (test.kind) {
    case 'exact':
      return `${field}_lower = ${quoted(test.text.toLowerCase())}`
    case 'startswith':
      return like(`${likeText(test.text)}%`)
    case 'endswith':
      return like(`%${likeText(test.text)}`)
    case 'contains':
      return like(`%${likeText(test.text)}%`)
    case 'network':
      return like(`${likeText(test.prefix)}%`)
    case 'regex':
      // In EPL the whole text has to match.
      return `${field} regexp ${quoted(`(?s${test.ignore_case ? 'i' : ''}).*?(?:${test.pattern}).*`)}`
    case 'equal':
      return `${field} = ${test.number}`
    default:
      return `${field} >= ${test.number}`
  }
}

function eplItem({ field, linking, tests }: Item): string {
  const numbers = numbersOf(tests)
  const texts = exactTexts(tests)
  // Lists of equals are looked up in an index of all statements.
  if (numbers.length > 1) return `${field} in (${numbers.join(', ')})`
  if (texts.length > 1) return `${field}_lower in (${texts.map(quoted).join(', ')})`
  return joined(
    tests.map((test) => eplTest(field, test)),
    linking === 'all' ? 'and' : 'or'
  )
}

/** A filter of EPL, for `select * from <kind>(…)`. */
export const eplFilter = (rule: Rule): string => conditionOf(rule, eplItem, { and: 'and', not: 'not ' })

function celTest(field: string, test: FieldTest): string {
  switch (test.kind) {
    case 'exact':
      return `${field}_lower == ${quoted(test.text.toLowerCase())}`
    case 'startswith':
      return `${field}_lower.startsWith(${quoted(test.text.toLowerCase())})`
    case 'endswith':
      return `${field}_lower.endsWith(${quoted(test.text.toLowerCase())})`
    case 'contains':
      return `${field}_lower.contains(${quoted(test.text.toLowerCase())})`
    case 'network':
      return `${field}_lower.startsWith(${quoted(test.prefix)})`
    case 'regex':
      return `${field}.matches(${quoted(`${test.ignore_case ? '(?i)' : ''}${test.pattern}`)})`
    case 'equal':
      return `${field} == ${test.number}`
    default:
      return `${field} >= ${test.number}`
  }
}

function celItem({ field, linking, tests }: Item): string {
  const numbers = numbersOf(tests)
  const texts = exactTexts(tests)
  // Lists of constants are sets to an optimised program.
  if (numbers.length > 1) return `${field} in [${numbers.join(', ')}]`
  if (texts.length > 1) return `${field}_lower in [${texts.map(quoted).join(', ')}]`
  return joined(
    tests.map((test) => celTest(field, test)),
    linking === 'all' ? '&&' : '||'
  )
}

/** An expression of CEL over the fields as variables. */
export const celExpression = (rule: Rule): string => conditionOf(rule, celItem, { and: '&&', not: '!' })

function tauValue(test: FieldTest): string | number {
  switch (test.kind) {
    case 'exact':
      return `i${test.text}`
    case 'startswith':
      return `i${test.text}*`
    case 'endswith':
      return `i*${test.text}`
    case 'contains':
      return `i*${test.text}*`
    case 'network':
      return `${test.prefix}*`
    case 'regex':
      return `${test.ignore_case ? 'i' : ''}?${test.pattern}`
    case 'equal':
      return test.number
    default:
      return `>=${test.number}`
  }
}

/** Identifiers for items that all have to hold: a map has a key once, and rules have a field twice. */
function tauMaps(items: readonly Item[]): readonly Readonly<Record<string, unknown>>[] {
  const maps: Record<string, unknown>[] = []
  for (const { field, linking, tests } of items) {
    const key = linking === 'all' ? `all(${field})` : field
    const [only, ...more] = tests.map(tauValue)
    const value = more.length === 0 ? only : [only, ...more]
    const free = maps.find((map) => !(key in map))
    if (free === undefined) maps.push({ [key]: value })
    else free[key] = value
  }
  return maps
}

/** A rule of tau-engine. JSON is YAML. */
export function tauRule({ selection, filter }: Rule): string {
  const named = (name: string, items: readonly Item[]) =>
    tauMaps(items).map((map, index) => [`${name}${index}`, map] as const)
  const selected = named('selection', selection)
  const filtered = named('filter', filter ?? [])
  const all = (identifiers: typeof selected) => identifiers.map(([name]) => name).join(' and ')
  return JSON.stringify({
    detection: {
      ...Object.fromEntries([...selected, ...filtered]),
      condition: filter === null ? all(selected) : `${all(selected)} and not (${all(filtered)})`
    },
    true_positives: [],
    true_negatives: []
  })
}

/** A rule of sigma-rust, which knows no flags of regular expressions but those in them. */
export function sigmaRustRule({ sigma }: Rule): string {
  return JSON.stringify(JSON.parse(sigma), (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(
          Object.entries(value).map(([key, inner]: [string, unknown]) =>
            key.endsWith('|re|i') ? [key.replace(/\|i$/, ''), `(?i)${String(inner)}`] : [key, inner]
          )
        )
      : value
  )
}
