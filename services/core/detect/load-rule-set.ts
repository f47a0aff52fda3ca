import { linkProfiles, type ProfileRule } from '../profiles/profile-rule.ts'
import { type CarriedField, linkCorrelations, soundWindows } from '../windows/link-correlations.ts'
import type { WindowRule } from '../windows/window-rule.ts'
import { compileDetection } from './compile.ts'
import type { RuleError } from './errors.ts'
import { viewOf } from './event-view.ts'
import {
  type EventClass,
  type FieldMap,
  type FieldScope,
  fieldScope,
  formatLogsource,
  matchLogsource,
  parseFieldMap,
  type RuleFile,
  suggestLogsource
} from './field-map.ts'
import { type FieldTable, fieldTable } from './field-reader.ts'
import { fieldsWithin } from './list-element.ts'
import type { AlertingRule, EvidenceField, LoadedFilter, LoadedRule } from './loaded-rule.ts'
import { type Matcher, matcherOf, type RuleSetObserver } from './matcher.ts'
import type { Placeholders } from './modifiers.ts'
import { type Plan, planByDecision } from './plan.ts'
import { RAW_EVENTS, RAW_SCOPE } from './raw-event.ts'
import { assignFilters, type DeferredDocument, type Library, type Parsed, readLibrary } from './rule-library.ts'
import type { RuleSet } from './rule-set.ts'
import { compileSearch } from './search-template.ts'
import { attackOf, type CorrelationDocument, type FilterDocument, type RuleDocument } from './sigma-document.ts'
import { signalOf } from './signal.ts'
import { compileTemplate } from './title-template.ts'
import { isValueList, parseValueLists } from './value-lists.ts'

export interface LoadOptions {
  /** Values for placeholders of the modifier `expand`, before those of `*.list.yml` among the files. */
  readonly placeholders?: Placeholders
  readonly observer?: RuleSetObserver
  /** Chooses the candidates for an event; `planByDecision` unless given. */
  readonly plan?: (rules: readonly LoadedRule[]) => Plan
  /** Rules are for events that are any JSON (`viewOfRaw`): log sources and fields.yml mean nothing, every field exists. */
  readonly raw?: boolean
}

export interface LoadResult {
  readonly rules: RuleSet
  /** What `rules` tells signals of. */
  readonly matching: Matcher
  /** The rules in the set, by id: for listing, explaining and coverage. */
  readonly loaded: readonly LoadedRule[]
  readonly filters: readonly FilterDocument[]
  readonly correlations: readonly CorrelationDocument[]
  /** All that alerts by itself: rules, then correlations, then profiles. */
  readonly alerting: readonly AlertingRule[]
  /** Profiles, ready to learn. */
  readonly profiles: readonly ProfileRule[]
  /** The correlations, ready for the correlator: what one refers to stands before it. */
  readonly windows: readonly WindowRule[]
  readonly deferred: readonly DeferredDocument[]
  /** What is wrong, by file; rules with errors are left out, all others are loaded. */
  readonly errors: readonly RuleError[]
}

const baseName = (file: string): string => file.slice(file.lastIndexOf('/') + 1)

function evidenceFields(
  document: RuleDocument,
  scope: FieldScope,
  table: FieldTable,
  own: readonly string[]
): readonly EvidenceField[] {
  const fields = new Map<string, number>()
  for (const name of [...own, ...document.fields]) {
    const source = scope.resolve(name)
    for (const path of source?.paths ?? []) {
      if (!fields.has(path.path))
        fields.set(path.path, table.numberOf({ paths: [path], renames: source?.renames ?? new Map() }))
    }
  }
  return [...fields].map(([path, field]) => ({ path, field }))
}

/** The events that a rule is for, and where its fields are looked up. */
interface Subject {
  readonly events: readonly EventClass[]
  readonly scope: FieldScope
}

const RAW: Subject = { events: RAW_EVENTS, scope: RAW_SCOPE }

function subjectOf({ document, problems }: Parsed<RuleDocument>, map: FieldMap): Subject | null {
  const entries = matchLogsource(map, document.logsource)
  if (entries.length > 0) return { events: entries.map(({ events }) => events), scope: fieldScope(map, entries) }
  const written = formatLogsource(document.logsource)
  return problems.report(
    document.logsourceAt,
    'RULE_LOGSOURCE',
    `there are no events of ${written}`,
    suggestLogsource(map, document.logsource)
  )
}

/** The fields a rule's signals carry for correlations; a correlation that asks for one that is not there is broken. */
function carriedFields(
  document: RuleDocument,
  wanted: readonly CarriedField[],
  scope: FieldScope,
  table: FieldTable,
  broken: Set<string>
): readonly EvidenceField[] {
  const fields = new Map<string, number>()
  for (const { name, correlation, at, problems } of wanted) {
    const source = scope.resolve(name)
    if (source !== null) fields.set(name, table.numberOf(source))
    else {
      const message = `events of ${document.name ?? document.title} have no field ${name}`
      problems.report(at, 'RULE_FIELD_UNKNOWN', message, scope.suggest(name))
      broken.add(correlation)
    }
  }
  return [...fields].map(([path, field]) => ({ path, field }))
}

function compileRule(
  rule: Parsed<RuleDocument>,
  filters: readonly Parsed<FilterDocument>[],
  { events, scope }: Subject,
  table: FieldTable
): Omit<LoadedRule, 'role' | 'carried'> | null {
  const { document, problems } = rule
  const before = problems.found.length
  const detection = compileDetection(document.detection, scope, table, problems)
  const { title, dedup } = document.weir
  const template = compileTemplate(
    title ?? { text: document.title.replace(/[{}]/g, ''), at: document.at },
    scope,
    table,
    problems
  )
  const dedupFields: number[] = []
  for (const { text, at } of dedup) {
    const source = scope.resolve(text)
    if (source === null)
      problems.report(at, 'RULE_FIELD_UNKNOWN', `the field ${text} of dedup is not known`, scope.suggest(text))
    else dedupFields.push(table.numberOf(source))
  }
  const investigation = document.weir.investigation.map(({ step, query }) => ({
    step,
    search: query === null ? null : compileSearch(query, scope, table, problems)
  }))
  if (detection === null || template === null || problems.found.length > before) return null
  const loadedFilters: LoadedFilter[] = []
  for (const filter of filters) {
    const compiled = compileDetection(filter.document.detection, scope, table, filter.problems)
    if (compiled !== null) loadedFilters.push({ document: filter.document, detection: compiled })
  }
  const own = [...detection.items.keys()].flatMap((item) =>
    item.field === null
      ? []
      : item.tests.flatMap((test) =>
          test.kind === 'element' ? fieldsWithin(test.node, item.field ?? '') : (item.field ?? [])
        )
  )
  const attack = attackOf(document.tags)
  return {
    document,
    events,
    detection,
    filters: loadedFilters,
    title: template,
    dedup: dedup.length === 0 ? null : dedupFields,
    evidence: evidenceFields(document, scope, table, own),
    investigation,
    ...attack
  }
}

function ruleSetOf(loaded: readonly LoadedRule[], table: FieldTable, matching: Matcher): RuleSet {
  return {
    size: loaded.length,
    match(event, bodies) {
      const view = viewOf(event, bodies)
      return matching(view).map((rule) => signalOf(rule, view, table))
    }
  }
}

function alertingCorrelations(library: Library, windows: readonly WindowRule[]): readonly AlertingRule[] {
  const documents = new Map(library.correlations.map(({ document }) => [document.id, document]))
  return windows.flatMap(({ id, role, level, tactics, techniques }) => {
    const document = documents.get(id)
    return document === undefined || role === 'part' ? [] : [{ document: { ...document, level }, tactics, techniques }]
  })
}

/** A filter is compiled for each of its rules and may be wrong in the same way for all of them. */
function distinct(errors: readonly RuleError[]): readonly RuleError[] {
  return [...new Map(errors.map((error) => [JSON.stringify(error), error])).values()]
}

/**
 * Reads rules and makes them ready to match. Never throws for what stands in a file.
 * @param files texts of rule files; one called fields.yml says what log sources and fields mean; rule tests (name.test.yml) are
 *   passed over
 */
export function loadRuleSet(files: readonly RuleFile[], options: LoadOptions = {}): LoadResult {
  const mapFile = files.find(({ file }) => baseName(file) === 'fields.yml')
  const { map, errors: mapErrors } =
    options.raw === true
      ? { map: null, errors: [] }
      : mapFile === undefined
        ? {
            map: { logsources: [], fields: new Map() },
            errors: [
              {
                file: 'fields.yml',
                line: 1,
                column: 1,
                code: 'RULE_FIELD_MAP' as const,
                message: 'fields.yml is not among the files',
                suggestion: null
              }
            ]
          }
        : parseFieldMap(mapFile)
  const documents = files.filter(
    ({ file }) => file !== mapFile?.file && !file.endsWith('.test.yml') && !isValueList(file)
  )
  const lists = parseValueLists(files.filter(({ file }) => isValueList(file)))
  const library = readLibrary(documents, new Map([...lists.placeholders, ...(options.placeholders ?? [])]))
  const { windows, carried, parts } = linkCorrelations(library)
  const filters = assignFilters(library)
  const table = fieldTable()
  const loaded: LoadedRule[] = []
  const linked = linkProfiles(library)
  const broken = new Set<string>()
  for (const rule of library.rules) {
    const subject = map === null ? RAW : subjectOf(rule, map)
    const compiled = subject === null ? null : compileRule(rule, filters.get(rule.document.id) ?? [], subject, table)
    if (subject === null || compiled === null) continue
    const { document } = rule
    const isPart = parts.has(document.id)
    const fields = carriedFields(
      document,
      [...(carried.get(document.id) ?? []), ...(linked.carried.get(document.id) ?? [])],
      subject.scope,
      table,
      broken
    )
    loaded.push({
      ...compiled,
      role: isPart || linked.parts.has(document.id) ? 'part' : 'alert',
      carried: fields
    })
  }
  loaded.sort((a, b) => (a.document.id < b.document.id ? -1 : 1))
  const known = new Set(loaded.map(({ document }) => document.id))
  const profiles = linked.profiles.filter(
    ({ id, parts: fed, releases }) => !broken.has(id) && [...fed, ...releases].every((part) => known.has(part))
  )
  const sound = soundWindows(windows, new Set([...known, ...profiles.map(({ id }) => id)]), broken, (window, part) => {
    const found = library.correlations.find(({ document }) => document.id === window.id)
    found?.problems.report(found.document.at, 'RULE_REFERENCE', `it refers to ${part}, which did not load`)
  })
  const sources = new Map(loaded.map(({ document, events }) => [document.id, events.map(({ source }) => source)]))
  const sourced = sound.map((window) => ({
    ...window,
    sources: [...new Set(window.parts.flatMap((part) => sources.get(part) ?? []))]
  }))
  const evaluated = new Set(sound.map(({ id }) => id))
  const matching = matcherOf((options.plan ?? planByDecision)(loaded), options.observer ?? {})
  return {
    rules: ruleSetOf(loaded, table, matching),
    matching,
    loaded,
    filters: library.filters.map(({ document }) => document),
    correlations: library.correlations.map(({ document }) => document).filter(({ id }) => evaluated.has(id)),
    alerting: [
      ...loaded.filter(({ role }) => role === 'alert'),
      ...alertingCorrelations(library, sound),
      ...profiles.map(({ document, level, tactics, techniques }) => ({
        document: { ...document, level },
        tactics,
        techniques
      }))
    ],
    windows: sourced,
    profiles,
    deferred: library.deferred,
    errors: distinct([...mapErrors, ...lists.errors, ...library.problems.flatMap(({ found }) => found)])
  }
}
