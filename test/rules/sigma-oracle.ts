/**
 * Sigma as plainly as it can be written: walks the rule as it stands in the YAML, for one event, with the language's own regular
 * expressions and no preparation. It shares no code with the engine, and exists to be compared with it.
 */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

export type ConditionTree =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'of'; readonly all: boolean; readonly prefix: string | null }
  | { readonly kind: 'not'; readonly child: ConditionTree }
  | { readonly kind: 'and' | 'or'; readonly children: readonly ConditionTree[] }

export interface OracleRule {
  readonly identifiers: Readonly<Record<string, Json>>
  readonly condition: ConditionTree
}

const MISSING = Symbol('missing')
type Found = Json | typeof MISSING

const isRecord = (value: Json): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Everything at a path: all elements of lists, all ways of reading dots. */
function lookUp(value: Json, segments: readonly string[], nullIsMissing: boolean): readonly Found[] {
  if (Array.isArray(value)) return value.flatMap((element: Json) => lookUp(element, segments, nullIsMissing))
  if (segments.length === 0) return value === null && nullIsMissing ? [MISSING] : [value]
  if (!isRecord(value)) return [MISSING]
  const found: Found[] = []
  for (let count = 1; count <= segments.length; count += 1) {
    const key = segments.slice(0, count).join('.')
    const inner = Object.hasOwn(value, key) ? value[key] : undefined
    if (inner !== undefined) found.push(...lookUp(inner, segments.slice(count), nullIsMissing))
  }
  return found.length === 0 ? [MISSING] : found
}

/** The event with its bodies as JSON under `body`, the rest as it is: what the oracle looks fields up in. */
export interface OracleEvent {
  readonly model: Json
  readonly bodies: { readonly requestObject: Json | undefined }
  /** Set for one element of a list and for a raw event, where fields are looked up in nothing else: whether a null in it says that nothing is known. */
  readonly element?: { readonly nullIsMissing: boolean }
}

function valuesOf(event: OracleEvent, field: string): readonly Found[] {
  const [first = '', ...rest] = field.split('.')
  if (event.element !== undefined) return lookUp(event.model, [first, ...rest], event.element.nullIsMissing)
  if (first === 'requestObject' && rest.length > 0) {
    return event.bodies.requestObject === undefined ? [MISSING] : lookUp(event.bodies.requestObject, rest, false)
  }
  return lookUp(event.model, [first, ...rest], true)
}

const textOf = (value: Found): string | null =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : null

/** A value of a rule as text. */
const written = (value: Json): string => (typeof value === 'object' ? JSON.stringify(value) : String(value))

function wildcardToRegExp(pattern: string, before: string, after: string, cased: boolean): RegExp {
  let source = ''
  for (let index = 0; index < pattern.length; index += 1) {
    const character = pattern.charAt(index)
    const next = pattern.charAt(index + 1)
    if (character === '\\' && next !== '' && '*?\\'.includes(next)) {
      source += `\\${next}`
      index += 1
    } else if (character === '*') source += '.*'
    else if (character === '?') source += '.'
    else source += character.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&')
  }
  return new RegExp(`^${before}${source}${after}$`, `su${cased ? '' : 'i'}`)
}

const numberOf = (value: Found): number =>
  typeof value === 'number'
    ? value
    : typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)
      ? Number(value)
      : Number.NaN

const v4 = (text: string): number =>
  /^\d+\.\d+\.\d+\.\d+$/.test(text) ? text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) : Number.NaN

function valueMatches(
  event: OracleEvent,
  field: string,
  found: readonly Found[],
  modifiers: readonly string[],
  wanted: Json
): boolean {
  const has = (modifier: string) => modifiers.includes(modifier)
  const asText = written(wanted)
  if (isRecord(wanted)) {
    const nullIsMissing = event.element?.nullIsMissing ?? !field.startsWith('requestObject.')
    return found.some((value) => {
      if (value === MISSING || !isRecord(value)) return false
      const element = { model: value, bodies: event.bodies, element: { nullIsMissing } }
      return Object.entries(wanted).every(([key, inner]) => itemMatches(element, key, inner))
    })
  }
  if (has('exists')) return found.some((value) => value !== MISSING) === wanted
  if (wanted === null) return found.length === 0 || found.some((value) => value === null || value === MISSING)
  if (has('fieldref')) {
    const others = valuesOf(event, asText).map(textOf)
    return found.some((value) => {
      const text = textOf(value)?.toLowerCase()
      return (
        text !== undefined &&
        others.some(
          (other) =>
            other !== null && (has('startswith') ? text.startsWith(other.toLowerCase()) : text === other.toLowerCase())
        )
      )
    })
  }
  if (has('cidr')) {
    const [base = '', bits = '32'] = asText.split('/')
    const size = 2 ** (32 - Number(bits))
    return found.some(
      (value) => typeof value === 'string' && Math.floor(v4(value) / size) === Math.floor(v4(base) / size)
    )
  }
  if (has('lt')) return found.some((value) => numberOf(value) < Number(wanted))
  if (has('lte')) return found.some((value) => numberOf(value) <= Number(wanted))
  if (has('gt')) return found.some((value) => numberOf(value) > Number(wanted))
  if (has('gte')) return found.some((value) => numberOf(value) >= Number(wanted))
  if (has('re')) {
    const expression = new RegExp(asText, has('i') ? 'iu' : 'u')
    return found.some((value) => expression.test(textOf(value) ?? '\0'))
  }
  if (typeof wanted === 'number') return found.some((value) => numberOf(value) === wanted)
  if (typeof wanted === 'boolean')
    return found.some(
      (value) => value === wanted || (typeof value === 'string' && value.toLowerCase() === String(wanted))
    )
  const before = has('contains') || has('endswith') ? '.*' : ''
  const after = has('contains') || has('startswith') ? '.*' : ''
  const expression = wildcardToRegExp(asText, before, after, has('cased'))
  return found.some((value) => {
    const text = textOf(value)
    return text !== null && expression.test(text)
  })
}

/** Every text of the raw event, bodies as JSON. */
function leaves(value: Json): readonly Json[] {
  if (Array.isArray(value)) return value.flatMap((element: Json) => leaves(element))
  return isRecord(value) ? Object.values(value).flatMap(leaves) : [value]
}

function itemMatches(event: OracleEvent, key: string, wanted: Json): boolean {
  const [field = '', ...modifiers] = key.split('|')
  const values: readonly Json[] = Array.isArray(wanted) ? wanted : [wanted]
  const found =
    field === ''
      ? leaves(
          event.element !== undefined
            ? event.model
            : [isRecord(event.model) ? (event.model.audit ?? null) : null, event.bodies.requestObject ?? null]
        )
      : valuesOf(event, field)
  const active = field === '' ? [...modifiers, 'contains'] : modifiers
  const test = (value: Json) =>
    valueMatches(event, field, found, active, field === '' && !active.includes('re') ? written(value) : value)
  const matched = modifiers.includes('all') ? values.every(test) : values.some(test)
  return modifiers.includes('neq') ? !matched : matched
}

function identifierMatches(event: OracleEvent, definition: Json): boolean {
  if (isRecord(definition)) return Object.entries(definition).every(([key, value]) => itemMatches(event, key, value))
  if (!Array.isArray(definition)) return itemMatches(event, '', definition)
  return definition.some((element: Json) => identifierMatches(event, element))
}

/** Whether a rule matches an event. */
export function oracleMatches(rule: OracleRule, event: OracleEvent, node: ConditionTree = rule.condition): boolean {
  switch (node.kind) {
    case 'name':
      return identifierMatches(event, rule.identifiers[node.name] ?? null)
    case 'not':
      return !oracleMatches(rule, event, node.child)
    case 'of': {
      const names = Object.keys(rule.identifiers).filter(
        (name) => !name.startsWith('_') && name.startsWith(node.prefix ?? '')
      )
      const matched = names.map((name) => identifierMatches(event, rule.identifiers[name] ?? null))
      return node.all ? matched.every(Boolean) : matched.some(Boolean)
    }
    default: {
      const matched = node.children.map((child) => oracleMatches(rule, event, child))
      return node.kind === 'and' ? matched.every(Boolean) : matched.some(Boolean)
    }
  }
}
