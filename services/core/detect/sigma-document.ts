import { hash } from 'node:crypto'
import type { Severity } from '../../../schemas/generated/types.ts'
import { SEVERITIES } from '../severity.ts'
import { type Correlation, parseCorrelation } from './correlation-document.ts'
import { parseDetection } from './detection.ts'
import type { Offset, Problems } from './errors.ts'
import type { Logsource } from './field-map.ts'
import type { Placeholders } from './modifiers.ts'
import { type Profile, parseProfile } from './profile-document.ts'
import type { RuleNode } from './rule-tree.ts'
import { nearest } from './suggest.ts'
import { isLevel, NO_EXTENSION, type Placed, parseExtension, type WeirExtension } from './weir-extension.ts'
import { entryOf, kindName, mapOf, type Source, type SourceMap, textOf, textsOf } from './yaml-source.ts'

/** What every document of a rule file has. */
interface Common {
  readonly file: string
  readonly line: number
  /** Id of the document; one without an id gets one made from its title and log source. */
  readonly id: string
  readonly name: string | null
  readonly title: string
  readonly description: string
  readonly weir: WeirExtension
  readonly at: Offset
}

export interface RuleDocument extends Common {
  readonly kind: 'rule'
  readonly status: string | null
  readonly level: Severity
  readonly logsource: Logsource
  readonly logsourceAt: Offset
  readonly tags: readonly string[]
  readonly falsepositives: readonly string[]
  readonly references: readonly string[]
  /** Fields worth showing beside those of the detection. */
  readonly fields: readonly string[]
  readonly detection: RuleNode
}

export interface FilterDocument extends Common {
  readonly kind: 'filter'
  readonly logsource: Logsource
  readonly logsourceAt: Offset
  /** Ids or names of rules; null for every rule of the log source. */
  readonly rules: readonly Placed[] | null
  /** What has to hold beside a rule's own detection. */
  readonly detection: RuleNode
}

export interface CorrelationDocument extends Common {
  readonly kind: 'correlation'
  readonly level: Severity | null
  readonly status: string | null
  readonly tags: readonly string[]
  readonly falsepositives: readonly string[]
  readonly references: readonly string[]
  readonly correlation: Correlation
}

/** A profile: something is new for somebody. */
export interface ProfileDocument extends Common {
  readonly kind: 'profile'
  readonly status: string | null
  readonly tags: readonly string[]
  readonly falsepositives: readonly string[]
  readonly profile: Profile
}

export type SigmaDocument = RuleDocument | FilterDocument | CorrelationDocument | ProfileDocument

const STATUSES = ['stable', 'test', 'experimental', 'deprecated', 'unsupported'] as const
/** UUIDs are recommended by the specification, not required. */
const ID = /^[\x21-\x7e]{1,128}$/
const SECTIONS = ['detection', 'filter', 'correlation', 'profile'] as const
/** Keys of a rule document, for suggestions; others are allowed, as the specification has it. */
const KEYS = [
  'title',
  'id',
  'name',
  'related',
  'taxonomy',
  'status',
  'description',
  'license',
  'references',
  'author',
  'date',
  'modified',
  'logsource',
  'detection',
  'fields',
  'falsepositives',
  'level',
  'tags',
  'scope',
  'filter',
  'correlation',
  'profile',
  'x-weir'
]

/** A UUID-shaped id that is the same for the same text. */
function madeId(text: string): string {
  const hex = hash('sha256', text, 'hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

function optionalText(map: SourceMap, key: string, problems: Problems, most?: number): string | null {
  const entry = entryOf(map, key)
  return entry === undefined ? null : textOf(entry, problems, most)
}

function optionalTexts(map: SourceMap, key: string, problems: Problems): readonly string[] {
  const entry = entryOf(map, key)
  // An empty key is common in published rules and means an empty list.
  if (entry === undefined || (entry.value.kind === 'scalar' && entry.value.value === null)) return []
  return textsOf(entry, problems) ?? []
}

function parseLogsource(
  map: SourceMap,
  problems: Problems
): { readonly logsource: Logsource; readonly at: Offset } | null {
  const entry = entryOf(map, 'logsource')
  if (entry === undefined) return problems.report(map.at, 'RULE_KEY_MISSING', 'logsource is missing')
  const section = mapOf(entry, problems)
  if (section === null) return null
  const attribute = (key: string) => optionalText(section, key, problems, 256)?.toLowerCase() ?? null
  const logsource = { product: attribute('product'), category: attribute('category'), service: attribute('service') }
  if (logsource.product === null && logsource.category === null && logsource.service === null) {
    return problems.report(section.at, 'RULE_KEY_MISSING', 'logsource needs product, category or service')
  }
  return { logsource, at: section.at }
}

function parseLevel(map: SourceMap, problems: Problems): Severity | null {
  const entry = entryOf(map, 'level')
  if (entry === undefined) return null
  const text = textOf(entry, problems)
  if (text === null || isLevel(text)) return text
  return problems.report(entry.value.at, 'RULE_VALUE', `${text} is not a level`, nearest(text, SEVERITIES))
}

function parseStatus(map: SourceMap, problems: Problems): string | null {
  const entry = entryOf(map, 'status')
  const text = entry === undefined ? null : textOf(entry, problems)
  if (entry === undefined || text === null || (STATUSES as readonly string[]).includes(text)) return text
  return problems.report(entry.value.at, 'RULE_VALUE', `${text} is not a status`, nearest(text, STATUSES))
}

/** Ids or names that a filter is for; undefined when that is wrong, null for all rules of the log source. */
function parseTargets(section: SourceMap, problems: Problems): readonly Placed[] | null | undefined {
  const entry = entryOf(section, 'rules')
  if (entry === undefined) {
    problems.report(section.at, 'RULE_KEY_MISSING', 'rules is missing in filter: name the rules, or say any')
    return undefined
  }
  const texts = textsOf(entry, problems)
  if (texts === null) return undefined
  if (entry.value.kind === 'scalar' && (texts[0] === 'any' || texts[0] === 'all')) return null
  // Ours: a filter for those rules only that take it by name.
  if (entry.value.kind === 'scalar' && texts[0] === 'none') return []
  if (texts.length === 0) {
    problems.report(entry.value.at, 'RULE_VALUE', 'rules is empty: name the rules, or say any')
    return undefined
  }
  const items = entry.value.kind === 'list' ? entry.value.items : [entry.value]
  return texts.map((text, index) => ({ text, at: items[index]?.at ?? entry.value.at }))
}

/**
 * Reads one document of a rule file.
 * @returns null when it cannot be used, which is reported
 */
export function parseDocument(source: Source, placeholders: Placeholders, problems: Problems): SigmaDocument | null {
  if (source.kind !== 'map')
    return problems.report(source.at, 'RULE_DOCUMENT_KIND', `a document has to be a map, it is ${kindName(source)}`)
  const before = problems.found.length
  const action = entryOf(source, 'action')
  if (action !== undefined) {
    return problems.report(
      action.keyAt,
      'RULE_UNSUPPORTED',
      'rule collections with action were removed in Sigma 2: write each rule out'
    )
  }
  const kinds = SECTIONS.filter((key) => entryOf(source, key) !== undefined)
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) {
    const misspelt = source.entries.find(({ key }) => !KEYS.includes(key) && nearest(key, SECTIONS) !== null)
    return problems.report(
      misspelt?.keyAt ?? source.at,
      'RULE_DOCUMENT_KIND',
      `a document needs exactly one of ${SECTIONS.join(', ')}`,
      misspelt === undefined ? null : nearest(misspelt.key, SECTIONS)
    )
  }
  const sectionEntry = entryOf(source, kind)
  if (sectionEntry === undefined) return null
  const section = mapOf(sectionEntry, problems)
  const titleEntry = entryOf(source, 'title')
  const title =
    titleEntry === undefined
      ? problems.report(source.at, 'RULE_KEY_MISSING', 'title is missing')
      : textOf(titleEntry, problems, 256)
  const idEntry = entryOf(source, 'id')
  const idText = idEntry === undefined ? null : textOf(idEntry, problems)
  if (idEntry !== undefined && idText !== null && !ID.test(idText)) {
    problems.report(idEntry.value.at, 'RULE_VALUE', 'id has to be 1 to 128 characters without blanks, best a UUID')
  }
  const taxonomyEntry = entryOf(source, 'taxonomy')
  const taxonomy = taxonomyEntry === undefined ? 'sigma' : textOf(taxonomyEntry, problems)
  if (taxonomyEntry !== undefined && taxonomy !== null && taxonomy !== 'sigma') {
    problems.report(taxonomyEntry.value.at, 'RULE_UNSUPPORTED', `the taxonomy ${taxonomy} is not known: only sigma is`)
  }
  const weirEntry = entryOf(source, 'x-weir')
  const name = optionalText(source, 'name', problems, 256)
  const common = (identity: string): Common => ({
    file: problems.file,
    line: problems.position(source.at).line,
    id: idText?.toLowerCase() ?? madeId(identity),
    name,
    title: title ?? '',
    description: optionalText(source, 'description', problems) ?? '',
    weir: weirEntry === undefined ? NO_EXTENSION : parseExtension(weirEntry, problems),
    at: source.at
  })
  if (kind === 'profile') {
    const profile = section === null ? null : parseProfile(section, problems)
    const shared = {
      ...common(title ?? ''),
      status: parseStatus(source, problems),
      tags: optionalTexts(source, 'tags', problems),
      falsepositives: optionalTexts(source, 'falsepositives', problems)
    }
    return problems.found.length > before || profile === null ? null : { kind, ...shared, profile }
  }
  const level = parseLevel(source, problems)
  if (kind === 'correlation') {
    const correlation = section === null ? null : parseCorrelation(section, problems)
    const shared = {
      ...common(title ?? ''),
      status: parseStatus(source, problems),
      tags: optionalTexts(source, 'tags', problems),
      falsepositives: optionalTexts(source, 'falsepositives', problems),
      references: optionalTexts(source, 'references', problems)
    }
    if (problems.found.length > before || correlation === null) return null
    return { kind, ...shared, level, correlation }
  }
  const logsource = parseLogsource(source, problems)
  const identity = JSON.stringify([title, logsource?.logsource])
  if (kind === 'filter') {
    const targets = section === null ? undefined : parseTargets(section, problems)
    const detection = section === null ? null : parseDetection(section, ['rules'], placeholders, problems)
    const shared = common(identity)
    if (problems.found.length > before || detection === null || logsource === null || targets === undefined) return null
    return { kind, ...shared, logsource: logsource.logsource, logsourceAt: logsource.at, rules: targets, detection }
  }
  const detection = section === null ? null : parseDetection(section, [], placeholders, problems)
  const rule = {
    kind: 'rule' as const,
    ...common(identity),
    status: parseStatus(source, problems),
    level: level ?? 'low',
    tags: optionalTexts(source, 'tags', problems),
    falsepositives: optionalTexts(source, 'falsepositives', problems),
    references: optionalTexts(source, 'references', problems),
    fields: optionalTexts(source, 'fields', problems)
  }
  if (problems.found.length > before || detection === null || logsource === null) return null
  return { ...rule, logsource: logsource.logsource, logsourceAt: logsource.at, detection }
}

/** ATT&CK tactics and techniques among tags: `attack.credential-access`, `attack.t1552.007`. Groups and software are neither. */
export function attackOf(tags: readonly string[]): {
  readonly tactics: readonly string[]
  readonly techniques: readonly string[]
} {
  const tactics = new Set<string>()
  const techniques = new Set<string>()
  for (const tag of tags) {
    const name = /^attack\.(.+)$/i.exec(tag)?.[1]?.toLowerCase()
    if (name === undefined) continue
    if (/^t\d{4}(?:\.\d{3})?$/.test(name)) techniques.add(name.toUpperCase())
    else if (/^[a-z]+(?:[-_][a-z]+)*$/.test(name)) tactics.add(name.replaceAll('_', '-'))
  }
  return { tactics: [...tactics], techniques: [...techniques].sort() }
}
