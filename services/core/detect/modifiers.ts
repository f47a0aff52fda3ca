import type { Offset, Problems } from './errors.ts'
import { parseAddress, parseRange } from './ip-range.ts'
import { RULE_LIMITS } from './limits.ts'
import { compileRegex } from './regex-machine.ts'
import { type RegexFlags, RegexProblem } from './regex-syntax.ts'
import type { TimePart, ValueTest } from './rule-tree.ts'
import { nearest } from './suggest.ts'
import { base64, base64AtOffset, dashVariants, encodeUtf16, utf8 } from './text-encodings.ts'
import { ANY, joinParts, parsePattern, plainText, type TextPart } from './text-pattern.ts'
import type { SourceScalar } from './yaml-source.ts'

/**
 * Value modifiers of Sigma 2.1 (sigma-appendix-modifiers), applied in the order written. What a modifier cannot do to a value is
 * an error.
 */
const MODIFIERS = [
  'all',
  'base64',
  'base64offset',
  'cased',
  'cidr',
  'contains',
  'day',
  'dotall',
  'endswith',
  'exists',
  'expand',
  'fieldref',
  'gt',
  'gte',
  'hour',
  'i',
  'ignorecase',
  'lt',
  'lte',
  'm',
  'minute',
  'month',
  'multiline',
  'neq',
  're',
  's',
  'startswith',
  'utf16',
  'utf16be',
  'utf16le',
  'week',
  'wide',
  'windash',
  'year'
] as const

export type Modifier = (typeof MODIFIERS)[number]

const KNOWN: ReadonlySet<string> = new Set(MODIFIERS)

/** Values that rules may name with the modifier `expand`, by placeholder name. */
export type Placeholders = ReadonlyMap<string, readonly string[]>

/** The modifiers of a key, null when one does not exist, which is reported. */
export function parseModifiers(names: readonly string[], at: Offset, problems: Problems): readonly Modifier[] | null {
  const modifiers: Modifier[] = []
  for (const name of names) {
    if (!KNOWN.has(name)) {
      return problems.report(
        at,
        'RULE_MODIFIER_UNKNOWN',
        `the modifier ${name || '(empty)'} does not exist`,
        nearest(name, MODIFIERS)
      )
    }
    modifiers.push(name as Modifier)
  }
  return modifiers
}

/** A value on its way through the modifiers. `octets`: text that has been encoded, one character a byte. */
type Value =
  | { readonly kind: 'text'; readonly parts: readonly TextPart[]; readonly cased: boolean; readonly octets: boolean }
  | { readonly kind: 'several'; readonly values: readonly Value[] }
  | Exclude<ValueTest, { readonly kind: 'text' } | { readonly kind: 'one_of' } | { readonly kind: 'element' }>

interface Step {
  readonly problems: Problems
  readonly at: Offset
  /** Where the text of the value begins, if it stands there as it is. */
  readonly textAt: Offset | null
  readonly placeholders: Placeholders
  /** Modifiers before this one that change values. */
  readonly before: readonly Modifier[]
  /** The value as written. */
  readonly original: string | null
}

const KIND_NAMES: Readonly<Record<Value['kind'], string>> = {
  text: 'text',
  number: 'a number',
  boolean: 'a boolean',
  null: 'null',
  regex: 'a regular expression',
  range: 'an address range',
  compare: 'a comparison',
  exists: 'an existence check',
  fieldref: 'a field reference',
  time: 'a part of a time',
  several: 'several values'
}

/** Splits texts at `%name%`; `\%` is a plain percent sign. */
function withPlaceholders(parts: readonly TextPart[]): readonly TextPart[] {
  return parts.flatMap((part): readonly TextPart[] => {
    if (part.kind !== 'text') return [part]
    const found: TextPart[] = []
    let last = 0
    for (const match of part.text.matchAll(/(?<!\\)%(\w+)%/g)) {
      found.push({ kind: 'text', text: part.text.slice(last, match.index).replaceAll('\\%', '%') })
      found.push({ kind: 'placeholder', name: match[1] ?? '' })
      last = match.index + match[0].length
    }
    found.push({ kind: 'text', text: part.text.slice(last).replaceAll('\\%', '%') })
    return found
  })
}

function expand(parts: readonly TextPart[], step: Step): readonly (readonly TextPart[])[] | null {
  let variants: (readonly TextPart[])[] = [[]]
  for (const part of withPlaceholders(parts)) {
    if (part.kind !== 'placeholder') {
      variants = variants.map((variant) => [...variant, part])
      continue
    }
    const values = step.placeholders.get(part.name)
    if (values === undefined) {
      const hint = nearest(part.name, step.placeholders.keys())
      return step.problems.report(
        step.at,
        'RULE_PLACEHOLDER_UNKNOWN',
        `the placeholder %${part.name}% has no values`,
        hint === null ? null : `%${hint}%`
      )
    }
    const parsed = values.map(parsePattern)
    variants = variants.flatMap((variant) => parsed.map((value) => [...variant, ...value]))
    if (variants.length > RULE_LIMITS.values) {
      return step.problems.report(step.at, 'RULE_TOO_LARGE', `placeholders give more than ${RULE_LIMITS.values} values`)
    }
  }
  return variants.map(joinParts)
}

const TIME_RANGES: Readonly<Record<TimePart, readonly [number, number]>> = {
  minute: [0, 59],
  hour: [0, 23],
  day: [1, 31],
  week: [1, 53],
  month: [1, 12],
  year: [1970, 9999]
}

function applyOne(modifier: Modifier, value: Value, step: Step): Value | null {
  const misused = (why: string): null => step.problems.report(step.at, 'RULE_MODIFIER_MISUSED', `${modifier} ${why}`)
  const wrongType = (): null =>
    misused(
      `cannot be applied to ${KIND_NAMES[value.kind]}${value.kind === 'number' ? '; quote the value to make it text' : ''}`
    )
  const several = (texts: readonly (readonly TextPart[])[], text: Extract<Value, { kind: 'text' }>): Value => {
    const values = texts.map((parts): Value => ({ ...text, parts }))
    const [only] = values
    return values.length === 1 && only !== undefined ? only : { kind: 'several', values }
  }
  if (value.kind === 'several') {
    const values: Value[] = []
    for (const inner of value.values) {
      const applied = applyOne(modifier, inner, step)
      if (applied === null) return null
      values.push(applied)
    }
    return { kind: 'several', values }
  }
  switch (modifier) {
    case 'contains':
    case 'startswith':
    case 'endswith': {
      if (value.kind === 'text') {
        const before = modifier === 'startswith' ? [] : [ANY]
        const after = modifier === 'endswith' ? [] : [ANY]
        return { ...value, parts: joinParts([...before, ...value.parts, ...after]) }
      }
      if (value.kind === 'fieldref') {
        return { ...value, place: modifier === 'contains' ? 'inside' : modifier === 'startswith' ? 'start' : 'end' }
      }
      if (value.kind === 'regex') {
        if (modifier === 'contains') return value
        return { ...value, pattern: modifier === 'startswith' ? `\\A(?:${value.pattern})` : `(?:${value.pattern})\\z` }
      }
      return wrongType()
    }
    case 'cased':
      if (value.kind === 'text' || value.kind === 'fieldref') return { ...value, cased: true }
      return wrongType()
    case 'windash': {
      if (value.kind !== 'text') return wrongType()
      const variants = dashVariants(value.parts)
      return variants === null ? misused(`gives more than ${RULE_LIMITS.values} values`) : several(variants, value)
    }
    case 'expand': {
      if (value.kind !== 'text') return wrongType()
      const variants = expand(value.parts, step)
      if (variants === null) return null
      if (variants.length === 0) return misused('gives no value: the placeholder is empty')
      return several(variants, value)
    }
    case 'wide':
    case 'utf16le':
    case 'utf16be':
    case 'utf16': {
      if (value.kind !== 'text' || value.octets) return wrongType()
      const mark = modifier === 'utf16' ? [{ kind: 'text' as const, text: '\xff\xfe' }] : []
      const encoded = value.parts.map(
        (part): TextPart =>
          part.kind === 'text' ? { kind: 'text', text: encodeUtf16(part.text, modifier !== 'utf16be') } : part
      )
      return { ...value, parts: joinParts([...mark, ...encoded]), octets: true }
    }
    case 'base64':
    case 'base64offset': {
      if (value.kind !== 'text') return wrongType()
      const plain = plainText(value.parts)
      if (plain === null || plain === '') return misused('needs text without wildcards')
      const octets = value.octets ? plain : utf8(plain)
      const text = { ...value, octets: false }
      if (modifier === 'base64') return { ...text, parts: [{ kind: 'text', text: base64(octets) }] }
      const variants = ([0, 1, 2] as const).map((offset) => base64AtOffset(octets, offset))
      if (variants.some((variant) => variant === '')) return misused('needs a longer value')
      return several(
        variants.map((variant) => [{ kind: 'text', text: variant }]),
        text
      )
    }
    case 'i':
    case 'ignorecase':
    case 'm':
    case 'multiline':
    case 's':
    case 'dotall': {
      if (value.kind !== 'regex') return misused('has to follow re')
      const flag = {
        i: 'ignoreCase',
        ignorecase: 'ignoreCase',
        m: 'multiline',
        multiline: 'multiline',
        s: 'dotAll',
        dotall: 'dotAll'
      } as const
      return { ...value, flags: { ...value.flags, [flag[modifier]]: true } }
    }
    case 're': {
      if (step.before.length > 0 || step.original === null) return misused('needs the value as written, as text')
      return { kind: 'regex', pattern: step.original, flags: { ignoreCase: false, multiline: false, dotAll: false } }
    }
    case 'cidr': {
      // Ranges may come from a list by `expand`; any other modifier before would have changed the text.
      const expanded = step.before.length > 0 && step.before.every((before) => before === 'expand')
      const text =
        step.before.length === 0 ? step.original : expanded && value.kind === 'text' ? plainText(value.parts) : null
      if (text === null || text === undefined) return misused('needs the value as written, as text')
      const range = parseRange(text)
      // A block with bits set beyond its length is a slip: which of the two was meant?
      return range === null || parseAddress(text.trim().split('/')[0] ?? '') !== range.first
        ? misused(`needs an address range such as 10.0.0.0/8, with no bits set beyond its length, not ${text}`)
        : { kind: 'range', range }
    }
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte':
      if (value.kind === 'number') return { kind: 'compare', comparison: modifier, value: value.value }
      if (value.kind === 'time') return { ...value, comparison: modifier }
      return wrongType()
    case 'minute':
    case 'hour':
    case 'day':
    case 'week':
    case 'month':
    case 'year': {
      if (value.kind !== 'number') return wrongType()
      const [least, most] = TIME_RANGES[modifier]
      if (!Number.isInteger(value.value) || value.value < least || value.value > most) {
        return misused(`needs a whole number from ${least} to ${most}`)
      }
      return { kind: 'time', part: modifier, value: value.value, comparison: null }
    }
    case 'exists':
      if (value.kind !== 'boolean' || step.before.length > 0) return misused('needs true or false')
      return { kind: 'exists', value: value.value }
    case 'fieldref': {
      const field = value.kind === 'text' ? plainText(value.parts) : null
      if (field === null || field === '' || value.kind !== 'text') return misused('needs the name of a field')
      return { kind: 'fieldref', field, at: step.at, place: 'whole', cased: value.cased }
    }
    default:
      return value
  }
}

/** Encoded text has to be characters that a text can hold. */
function finish(value: Value, step: Step): ValueTest | null {
  if (value.kind === 'several') {
    const tests: ValueTest[] = []
    for (const inner of value.values) {
      const test = finish(inner, step)
      if (test === null) return null
      tests.push(test)
    }
    return { kind: 'one_of', tests }
  }
  if (value.kind === 'text') {
    const outside = value.octets && value.parts.some((part) => part.kind === 'text' && /[^\0-\x7f]/.test(part.text))
    if (outside) {
      return step.problems.report(
        step.at,
        'RULE_MODIFIER_MISUSED',
        'UTF-16 of this value is no text that an event can hold: follow it with base64 or base64offset'
      )
    }
    const wildcards = value.parts.filter((part) => part.kind !== 'text').length
    if (wildcards > RULE_LIMITS.wildcards) {
      return step.problems.report(
        step.at,
        'RULE_TOO_LARGE',
        `the value has more than ${RULE_LIMITS.wildcards} wildcards`
      )
    }
    return { kind: 'text', parts: value.parts, cased: value.cased }
  }
  if (value.kind === 'regex' && !regexIsFine(value.pattern, value.flags, step)) return null
  return value
}

function regexIsFine(pattern: string, flags: RegexFlags, step: Step): boolean {
  try {
    compileRegex(pattern, flags)
    return true
  } catch (error) {
    if (!(error instanceof RegexProblem)) throw error
    step.problems.report(
      step.textAt !== null && pattern === step.original ? step.textAt + error.at : step.at,
      error.refused ? 'RULE_REGEX_REFUSED' : 'RULE_REGEX',
      `the regular expression is not accepted: ${error.message}`
    )
    return false
  }
}

function initial(scalar: SourceScalar, raw: boolean): Value {
  const { value } = scalar
  if (typeof value === 'number') return { kind: 'number', value }
  if (typeof value === 'boolean') return { kind: 'boolean', value }
  if (value === null) return { kind: 'null' }
  const parts: readonly TextPart[] = raw ? [{ kind: 'text', text: value }] : parsePattern(value)
  return { kind: 'text', parts, cased: false, octets: false }
}

/**
 * Turns one value of a rule into the test that its modifiers make of it.
 * @param modifiers all modifiers of the key; `all` and `neq` concern the list and are left to the caller
 * @returns null when a modifier cannot be applied, which is reported
 */
export function valueTest(
  scalar: SourceScalar,
  modifiers: readonly Modifier[],
  placeholders: Placeholders,
  problems: Problems
): ValueTest | null {
  const raw = modifiers.includes('re') || modifiers.includes('cidr') || modifiers.includes('fieldref')
  if (typeof scalar.value === 'string' && scalar.value.length > RULE_LIMITS.value_characters) {
    return problems.report(
      scalar.at,
      'RULE_TOO_LARGE',
      `the value has more than ${RULE_LIMITS.value_characters} characters`
    )
  }
  let value: Value = initial(scalar, raw)
  const before: Modifier[] = []
  const original = typeof scalar.value === 'string' ? scalar.value : null
  for (const modifier of modifiers) {
    if (modifier === 'all' || modifier === 'neq') continue
    const applied = applyOne(modifier, value, {
      problems,
      at: scalar.at,
      textAt: scalar.textAt,
      placeholders,
      before,
      original
    })
    if (applied === null) return null
    value = applied
    before.push(modifier)
  }
  return finish(value, { problems, at: scalar.at, textAt: scalar.textAt, placeholders, before, original })
}

/** A value of a rule as it was written, for people. */
export function writtenValue(scalar: SourceScalar): string {
  return typeof scalar.value === 'string' ? scalar.value : String(scalar.value)
}
