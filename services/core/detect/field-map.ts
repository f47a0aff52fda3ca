import type { RuntimeCategory } from '../../../schemas/generated/types.ts'
import { type Problems, problemsOf, type RuleError } from './errors.ts'
import { type FieldPath, KNOWN_PATHS, resolvePath } from './field-paths.ts'
import type { FieldSource } from './field-reader.ts'
import { nearest } from './suggest.ts'
import {
  entryOf,
  kindName,
  mapOf,
  parseYaml,
  type SourceEntry,
  type SourceMap,
  textOf,
  textsOf
} from './yaml-source.ts'

/** Text of a file of rules. `file` is how it is named in errors. */
export interface RuleFile {
  readonly file: string
  readonly text: string
}

/** Sigma's three attributes of a log source. */
export interface Logsource {
  readonly product: string | null
  readonly category: string | null
  readonly service: string | null
}

/** Which events a log source means. */
export type EventClass =
  | { readonly source: 'audit' | 'cloud' }
  /** Null: of any category; of any action. */
  | {
      readonly source: 'runtime'
      readonly category: RuntimeCategory | null
      readonly actions: readonly string[] | null
    }

/** A log source that Weir has, with its own names for fields. */
export interface LogsourceEntry extends Logsource {
  readonly product: string
  readonly events: EventClass
  readonly fields: ReadonlyMap<string, FieldSource>
}

/** fields.yml: what Sigma's names mean here. */
export interface FieldMap {
  readonly logsources: readonly LogsourceEntry[]
  /** Names that hold in every log source. */
  readonly fields: ReadonlyMap<string, FieldSource>
}

const CATEGORIES: ReadonlySet<string> = new Set<RuntimeCategory>([
  'process',
  'network',
  'file',
  'privilege',
  'alert',
  'sensor'
])
const NO_RENAMES: ReadonlyMap<string, string> = new Map()

function parsePaths(texts: readonly string[], at: number, problems: Problems): readonly FieldPath[] | null {
  const paths: FieldPath[] = []
  for (const text of texts) {
    const path = resolvePath(text)
    if (path === null) {
      return problems.report(
        at,
        'RULE_FIELD_MAP',
        `${text} is not a path of the event model`,
        nearest(text, KNOWN_PATHS)
      )
    }
    paths.push(path)
  }
  return paths
}

/** `Name: path`, `Name: [path, path]`, or `Name: { path, values: { seen: meant } }`. */
function parseField(entry: SourceEntry, problems: Problems): FieldSource | null {
  if (entry.value.kind !== 'map') {
    const texts = textsOf(entry, problems)
    const paths = texts === null ? null : parsePaths(texts, entry.value.at, problems)
    return paths === null ? null : { paths, renames: NO_RENAMES }
  }
  const path = entryOf(entry.value, 'path')
  const values = entryOf(entry.value, 'values')
  if (path === undefined || values === undefined || entry.value.entries.length !== 2) {
    return problems.report(entry.value.at, 'RULE_FIELD_MAP', `${entry.key} has to have path and values`)
  }
  const texts = textsOf(path, problems)
  const paths = texts === null ? null : parsePaths(texts, path.value.at, problems)
  const map = mapOf(values, problems)
  if (paths === null || map === null) return null
  const renames = new Map<string, string>()
  for (const value of map.entries) {
    const meant = textOf(value, problems)
    if (meant === null) return null
    renames.set(value.key, meant)
  }
  return { paths, renames }
}

function parseFields(entry: SourceEntry | undefined, problems: Problems): ReadonlyMap<string, FieldSource> {
  const fields = new Map<string, FieldSource>()
  const map = entry === undefined ? null : mapOf(entry, problems)
  for (const field of map?.entries ?? []) {
    const source = parseField(field, problems)
    if (source !== null) fields.set(field.key, source)
  }
  return fields
}

function checkKeys(map: SourceMap, known: readonly string[], problems: Problems): void {
  for (const { key, keyAt } of map.entries) {
    if (!known.includes(key))
      problems.report(keyAt, 'RULE_FIELD_MAP', `the key ${key} is not known here`, nearest(key, known))
  }
}

function parseEvents(entry: SourceEntry, problems: Problems): EventClass | null {
  const map = mapOf(entry, problems)
  if (map === null) return null
  checkKeys(map, ['source', 'category', 'actions'], problems)
  const source = entryOf(map, 'source')
  const kind = source === undefined ? null : textOf(source, problems)
  if (kind === 'audit' || kind === 'cloud') return { source: kind }
  if (kind !== 'runtime') return problems.report(map.at, 'RULE_FIELD_MAP', 'source has to be audit, runtime or cloud')
  const category = entryOf(map, 'category')
  const categoryName = category === undefined ? null : textOf(category, problems)
  if (categoryName !== null && !CATEGORIES.has(categoryName)) {
    return problems.report(
      map.at,
      'RULE_FIELD_MAP',
      `${categoryName} is not a category of runtime events`,
      nearest(categoryName, CATEGORIES)
    )
  }
  const actions = entryOf(map, 'actions')
  return {
    source: 'runtime',
    category: categoryName as RuntimeCategory | null,
    actions: actions === undefined ? null : textsOf(actions, problems)
  }
}

function parseProduct(product: SourceEntry, problems: Problems): readonly LogsourceEntry[] {
  const map = mapOf(product, problems)
  if (map === null) return []
  checkKeys(map, ['fields', 'logsources'], problems)
  const fields = parseFields(entryOf(map, 'fields'), problems)
  const list = entryOf(map, 'logsources')
  if (list?.value.kind !== 'list') {
    problems.report(map.at, 'RULE_FIELD_MAP', `${product.key} has to have a list of logsources`)
    return []
  }
  const entries: LogsourceEntry[] = []
  for (const item of list.value.items) {
    if (item.kind !== 'map') {
      problems.report(item.at, 'RULE_FIELD_MAP', `a log source has to be a map, it is ${kindName(item)}`)
      continue
    }
    checkKeys(item, ['category', 'service', 'events'], problems)
    const text = (key: string) => {
      const entry = entryOf(item, key)
      return entry === undefined ? null : textOf(entry, problems)
    }
    const eventsEntry = entryOf(item, 'events')
    const events = eventsEntry === undefined ? null : parseEvents(eventsEntry, problems)
    if (events === null)
      problems.report(item.at, 'RULE_FIELD_MAP', 'events has to say which events this log source means')
    else entries.push({ product: product.key, category: text('category'), service: text('service'), events, fields })
  }
  return entries
}

/**
 * Reads fields.yml.
 * @returns an empty map where it is wrong, with what is wrong
 */
export function parseFieldMap(file: RuleFile): { readonly map: FieldMap; readonly errors: readonly RuleError[] } {
  const problems = problemsOf(file.file, file.text)
  const [source] = parseYaml(file.text, problems)
  let map: FieldMap = { logsources: [], fields: new Map() }
  if (source?.kind !== 'map')
    problems.report(0, 'RULE_FIELD_MAP', 'fields.yml has to be a map with fields and products')
  else {
    checkKeys(source, ['fields', 'products'], problems)
    const products = entryOf(source, 'products')
    const productMap = products === undefined ? null : mapOf(products, problems)
    map = {
      fields: parseFields(entryOf(source, 'fields'), problems),
      logsources: (productMap?.entries ?? []).flatMap((product) => parseProduct(product, problems))
    }
  }
  return { map, errors: problems.found }
}

const ATTRIBUTES = ['product', 'category', 'service'] as const

/** The log sources that a rule means: those that agree with every attribute it gives. */
export function matchLogsource(map: FieldMap, logsource: Logsource): readonly LogsourceEntry[] {
  if (ATTRIBUTES.every((attribute) => logsource[attribute] === null)) return []
  return map.logsources.filter((entry) =>
    ATTRIBUTES.every((attribute) => logsource[attribute] === null || logsource[attribute] === entry[attribute])
  )
}

/** The log source that was most likely meant: one attribute written differently. */
export function suggestLogsource(map: FieldMap, logsource: Logsource): string | null {
  for (const wrong of ATTRIBUTES) {
    const written = logsource[wrong]
    if (written === null) continue
    const others = ATTRIBUTES.filter((attribute) => attribute !== wrong && logsource[attribute] !== null)
    const fitting = map.logsources.filter((entry) =>
      others.every((attribute) => entry[attribute] === logsource[attribute])
    )
    const hint = nearest(
      written,
      fitting.map((entry) => entry[wrong]).filter((value) => value !== null)
    )
    if (hint !== null) return `${wrong}: ${hint}`
  }
  return null
}

/** A log source as text, such as `product: linux, category: process_creation`. */
export function formatLogsource(logsource: Logsource): string {
  const given = ATTRIBUTES.filter((attribute) => logsource[attribute] !== null)
  return given.map((attribute) => `${attribute}: ${logsource[attribute]}`).join(', ') || 'nothing'
}

/** Looks fields up for the rules of one or more log sources. */
export interface FieldScope {
  /** Null when there is no such field. */
  resolve(name: string): FieldSource | null
  suggest(name: string): string | null
}

export function fieldScope(map: FieldMap, entries: readonly LogsourceEntry[]): FieldScope {
  return {
    resolve(name) {
      const own = new Set(entries.flatMap((entry) => entry.fields.get(name) ?? []))
      const [only] = own
      if (own.size === 1 && only !== undefined) return only
      if (own.size > 1) {
        // Products may name different things alike; a rule of all of them means any.
        return {
          paths: [...own].flatMap(({ paths }) => paths),
          renames: new Map([...own].flatMap(({ renames }) => [...renames]))
        }
      }
      const common = map.fields.get(name)
      if (common !== undefined) return common
      const path = resolvePath(name)
      return path === null ? null : { paths: [path], renames: NO_RENAMES }
    },
    suggest: (name) =>
      nearest(name, [...entries.flatMap((entry) => [...entry.fields.keys()]), ...map.fields.keys(), ...KNOWN_PATHS])
  }
}
