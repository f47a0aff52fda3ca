import { type Problems, problemsOf, type RuleError } from './errors.ts'
import type { RuleFile } from './field-map.ts'
import { RULE_LIMITS } from './limits.ts'
import type { Placeholders } from './modifiers.ts'
import { nearest } from './suggest.ts'
import { parseYaml, type Source, type SourceEntry, textOf, textsOf } from './yaml-source.ts'

/**
 * Lists of values that rules share: a file `name.list.yml` with title, description, references (where the values come from) and
 * values. Rules name one with the modifier `expand` as `%name%`.
 */
const KEYS = ['title', 'name', 'description', 'references', 'values'] as const

export const isValueList = (file: string): boolean => /\.list\.ya?ml$/.test(file)

interface ValueList {
  readonly name: string
  readonly values: readonly string[]
}

function parseList(source: Source, problems: Problems): ValueList | null {
  if (source.kind !== 'map')
    return problems.report(source.at, 'RULE_VALUE', 'a list has to be a map with name and values')
  const entries = new Map<string, SourceEntry>()
  for (const entry of source.entries) {
    if ((KEYS as readonly string[]).includes(entry.key)) entries.set(entry.key, entry)
    else problems.report(entry.keyAt, 'RULE_KEY_UNKNOWN', `a list has no key ${entry.key}`, nearest(entry.key, KEYS))
  }
  const missing = (key: string) => problems.report(source.at, 'RULE_KEY_MISSING', `the list has no ${key}`)
  const [name, values] = [entries.get('name'), entries.get('values')]
  if (!entries.has('title')) return missing('title')
  if (!entries.has('references')) return missing('references: say where its values come from')
  if (name === undefined) return missing('name')
  if (values === undefined) return missing('values')
  const called = textOf(name, problems, 64)
  const listed = textsOf(values, problems)
  if (called === null || listed === null) return null
  if (!/^[a-z][a-z0-9_]*$/.test(called))
    return problems.report(name.value.at, 'RULE_VALUE', 'name has to be lower-case letters, digits and _')
  if (listed.length === 0 || listed.length > RULE_LIMITS.values)
    return problems.report(values.value.at, 'RULE_VALUE', `values has to have 1 to ${RULE_LIMITS.values} texts`)
  const twice = listed.find((value, index) => listed.indexOf(value) !== index)
  if (twice !== undefined)
    return problems.report(values.value.at, 'RULE_DUPLICATE', `the value ${twice} is there twice`)
  return { name: called, values: listed }
}

/** Reads lists; one that is wrong is reported and left out, so that rules that name it are reported, too. */
export function parseValueLists(files: readonly RuleFile[]): {
  readonly placeholders: Placeholders
  readonly errors: readonly RuleError[]
} {
  const placeholders = new Map<string, readonly string[]>()
  const errors: RuleError[] = []
  for (const { file, text } of files) {
    const problems = problemsOf(file, text)
    for (const source of parseYaml(text, problems)) {
      const list = parseList(source, problems)
      if (list === null) continue
      if (placeholders.has(list.name))
        problems.report(source.at, 'RULE_DUPLICATE', `there is another list ${list.name}`)
      else placeholders.set(list.name, list.values)
    }
    errors.push(...problems.found)
  }
  return { placeholders, errors }
}
