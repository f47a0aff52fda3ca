import type { EnrichedEvent, Signal } from '../../../schemas/generated/types.ts'
import { compileDetection } from './compile.ts'
import { type Problems, problemsOf, type RuleError } from './errors.ts'
import { type EventLimit, mayBeLeftOut, viewOf } from './event-view.ts'
import {
  type FieldMap,
  type FieldScope,
  fieldScope,
  formatLogsource,
  type Logsource,
  matchLogsource,
  parseFieldMap,
  type RuleFile,
  suggestLogsource
} from './field-map.ts'
import { type FieldTable, fieldTable } from './field-reader.ts'
import { type EvidenceField, holdsAt, type LoadedFilter, type LoadedRule } from './loaded-rule.ts'
import type { Placeholders } from './modifiers.ts'
import { type Plan, planByClass } from './plan.ts'
import type { RuleSet } from './rule-set.ts'
import {
  attackOf,
  type CorrelationDocument,
  type FilterDocument,
  parseDocument,
  type RuleDocument,
  type SigmaDocument
} from './sigma-document.ts'
import { signalOf } from './signal.ts'
import { nearest } from './suggest.ts'
import { compileTemplate } from './title-template.ts'
import { parseYaml } from './yaml-source.ts'

/** Is told what a rule set does not show in its signals. Whoever listens counts it. */
export interface RuleSetObserver {
  /** A rule could not be evaluated, because the audit level (or a cloud's cut) left out what decides. */
  notEvaluable?(rule: LoadedRule, event: EnrichedEvent): void
  /** A rule matched and an exception silenced it. */
  filtered?(rule: LoadedRule, filter: LoadedFilter, event: EnrichedEvent): void
  /** A bound was met: what lies beyond it was not looked at. */
  limited?(limit: EventLimit, event: EnrichedEvent): void
}

export interface LoadOptions {
  /** Values for placeholders of the modifier `expand`. */
  readonly placeholders?: Placeholders
  readonly observer?: RuleSetObserver
  /** Chooses the candidates for an event; by class of event unless given. */
  readonly plan?: (rules: readonly LoadedRule[]) => Plan
}

/** A document that was read and is not evaluated on single events. */
export interface DeferredDocument {
  readonly file: string
  readonly line: number
  readonly id: string
  readonly title: string
  /**
   * correlation, profile: for the correlator; part_of_correlation: a rule that a correlation uses and that is not to match by
   * itself (`generate: false`); deprecated, unsupported: its status says not to use it.
   */
  readonly reason: 'correlation' | 'profile' | 'part_of_correlation' | 'deprecated' | 'unsupported'
}

export interface LoadResult {
  readonly rules: RuleSet
  /** The rules in the set, by id: for listing, explaining and coverage. */
  readonly loaded: readonly LoadedRule[]
  readonly filters: readonly FilterDocument[]
  readonly correlations: readonly CorrelationDocument[]
  readonly deferred: readonly DeferredDocument[]
  /** What is wrong, by file; rules with errors are left out, all others are loaded. */
  readonly errors: readonly RuleError[]
}

const baseName = (file: string): string => file.slice(file.lastIndexOf('/') + 1)

/** One parsed document with where its problems go. */
interface Parsed<Document extends SigmaDocument> {
  readonly document: Document
  readonly problems: Problems
}

interface Library {
  readonly rules: readonly Parsed<RuleDocument>[]
  readonly filters: readonly Parsed<FilterDocument>[]
  readonly correlations: readonly Parsed<CorrelationDocument>[]
  readonly deferred: readonly DeferredDocument[]
  readonly problems: readonly Problems[]
}

const deferral = (document: SigmaDocument, reason: DeferredDocument['reason']): DeferredDocument => ({
  file: document.file,
  line: document.line,
  id: document.id,
  title: document.title,
  reason
})

function readLibrary(files: readonly RuleFile[], placeholders: Placeholders): Library {
  const rules: Parsed<RuleDocument>[] = []
  const filters: Parsed<FilterDocument>[] = []
  const correlations: Parsed<CorrelationDocument>[] = []
  const deferred: DeferredDocument[] = []
  const all: Problems[] = []
  const byId = new Map<string, SigmaDocument>()
  const byName = new Map<string, SigmaDocument>()
  for (const file of files) {
    const problems = problemsOf(file.file, file.text)
    all.push(problems)
    for (const source of parseYaml(file.text, problems)) {
      const document = parseDocument(source, placeholders, problems)
      if (document === null) continue
      const twin = byId.get(document.id) ?? (document.name === null ? undefined : byName.get(document.name))
      if (twin !== undefined) {
        const what = twin.id === document.id ? `id ${document.id}` : `name ${document.name}`
        problems.report(document.at, 'RULE_DUPLICATE', `the ${what} is taken by ${twin.file}:${twin.line}`)
        continue
      }
      byId.set(document.id, document)
      if (document.name !== null) byName.set(document.name, document)
      if (document.kind === 'filter') filters.push({ document, problems })
      else if (document.kind === 'profile') deferred.push(deferral(document, 'profile'))
      else if (document.kind === 'correlation') correlations.push({ document, problems })
      else if (document.status === 'deprecated' || document.status === 'unsupported')
        deferred.push(deferral(document, document.status))
      else rules.push({ document, problems })
    }
  }
  return { rules, filters, correlations, deferred, problems: all }
}

/** Checks what correlations refer to; gives those whose references are all there, and the rules that are only parts of them. */
function checkCorrelations(library: Library): {
  readonly sound: readonly CorrelationDocument[]
  readonly parts: ReadonlySet<string>
} {
  const targets = new Map<string, string>()
  for (const { document } of [...library.rules, ...library.correlations]) {
    targets.set(document.id, document.id)
    if (document.name !== null) targets.set(document.name, document.id)
  }
  const sound: CorrelationDocument[] = []
  const alone = new Set<string>()
  const parts = new Set<string>()
  for (const { document, problems } of library.correlations) {
    const { correlation } = document
    let wrong = false
    for (const { text, at } of correlation.rules) {
      const id = targets.get(text)
      if (id === undefined) {
        problems.report(at, 'RULE_REFERENCE', `there is no rule ${text}`, nearest(text, targets.keys()))
        wrong = true
      } else {
        const kept = correlation.generate ? alone : parts
        kept.add(id)
      }
    }
    for (const [alias, rules] of correlation.aliases) {
      for (const rule of rules.keys()) {
        if (targets.has(rule)) continue
        problems.report(
          document.at,
          'RULE_REFERENCE',
          `the alias ${alias} names a rule ${rule} that is not there`,
          nearest(rule, targets.keys())
        )
        wrong = true
      }
    }
    if (!wrong) sound.push(document)
  }
  return { sound, parts: parts.difference(alone) }
}

const ATTRIBUTES = ['product', 'category', 'service'] as const

/** Whether a filter's log source covers a rule's: every attribute that it gives is the rule's. */
function covers(filter: Logsource, rule: Logsource): boolean {
  return ATTRIBUTES.every((attribute) => filter[attribute] === null || filter[attribute] === rule[attribute])
}

/** The rules that each filter is for, by rule id; filters that name no fitting rule are reported. */
function assignFilters(library: Library): ReadonlyMap<string, readonly Parsed<FilterDocument>[]> {
  const assigned = new Map<string, Parsed<FilterDocument>[]>()
  const assign = (rule: RuleDocument, filter: Parsed<FilterDocument>) => {
    const before = assigned.get(rule.id) ?? []
    if (!before.includes(filter)) assigned.set(rule.id, [...before, filter])
  }
  const names = library.rules.flatMap(({ document }) => [
    document.id,
    ...(document.name === null ? [] : [document.name])
  ])
  for (const filter of library.filters) {
    const { document, problems } = filter
    if (document.rules === null) {
      for (const rule of library.rules)
        if (covers(document.logsource, rule.document.logsource)) assign(rule.document, filter)
      continue
    }
    for (const { text, at } of document.rules) {
      const rule = library.rules.find(
        (known) => known.document.id === text.toLowerCase() || known.document.name === text
      )?.document
      if (rule === undefined) problems.report(at, 'RULE_REFERENCE', `there is no rule ${text}`, nearest(text, names))
      else if (!covers(document.logsource, rule.logsource)) {
        problems.report(
          at,
          'RULE_REFERENCE',
          `the filter is for ${formatLogsource(document.logsource)}, the rule ${rule.title} for ${formatLogsource(rule.logsource)}`
        )
      } else assign(rule, filter)
    }
  }
  return assigned
}

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

function compileRule(
  rule: Parsed<RuleDocument>,
  filters: readonly Parsed<FilterDocument>[],
  map: FieldMap,
  table: FieldTable
): LoadedRule | null {
  const { document, problems } = rule
  const entries = matchLogsource(map, document.logsource)
  if (entries.length === 0) {
    const written = formatLogsource(document.logsource)
    return problems.report(
      document.logsourceAt,
      'RULE_LOGSOURCE',
      `there are no events of ${written}`,
      suggestLogsource(map, document.logsource)
    )
  }
  const scope = fieldScope(map, entries)
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
  if (detection === null || template === null || problems.found.length > before) return null
  const loadedFilters: LoadedFilter[] = []
  for (const filter of filters) {
    const compiled = compileDetection(filter.document.detection, scope, table, filter.problems)
    if (compiled !== null) loadedFilters.push({ document: filter.document, detection: compiled })
  }
  const own = [...detection.items.keys()].map(({ field }) => field).filter((field) => field !== null)
  const attack = attackOf(document.tags)
  return {
    document,
    events: entries.map(({ events }) => events),
    detection,
    filters: loadedFilters,
    title: template,
    dedup: dedup.length === 0 ? null : dedupFields,
    evidence: evidenceFields(document, scope, table, own),
    ...attack
  }
}

function ruleSetOf(loaded: readonly LoadedRule[], table: FieldTable, options: LoadOptions): RuleSet {
  const plan = (options.plan ?? planByClass)(loaded)
  const observer = options.observer ?? {}
  return {
    size: loaded.length,
    match(event) {
      const view = viewOf(event)
      const signals: Signal[] = []
      for (const rule of plan.candidates(event)) {
        let matches = rule.detection.test(view)
        if (rule.detection.readsBodies && mayBeLeftOut(view)) {
          const verdict = rule.detection.verdict(view)
          matches = verdict === 'true'
          if (verdict === 'unknown') observer.notEvaluable?.(rule, event)
        }
        if (!matches) continue
        // An exception that cannot be told does not silence.
        const silencer = rule.filters.find(
          (filter) => holdsAt(filter, event) && filter.detection.verdict(view) === 'false'
        )
        if (silencer === undefined) signals.push(signalOf(rule, view, table))
        else observer.filtered?.(rule, silencer, event)
      }
      for (const limit of view.limits) observer.limited?.(limit, event)
      return signals
    }
  }
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
    mapFile === undefined
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
  const documents = files.filter(({ file }) => file !== mapFile?.file && !file.endsWith('.test.yml'))
  const library = readLibrary(documents, options.placeholders ?? new Map())
  const { sound, parts } = checkCorrelations(library)
  const filters = assignFilters(library)
  const table = fieldTable()
  const loaded: LoadedRule[] = []
  const deferred = [...library.deferred, ...sound.map((document) => deferral(document, 'correlation'))]
  for (const rule of library.rules) {
    const compiled = compileRule(rule, filters.get(rule.document.id) ?? [], map, table)
    if (compiled === null) continue
    if (parts.has(rule.document.id)) deferred.push(deferral(rule.document, 'part_of_correlation'))
    else loaded.push(compiled)
  }
  loaded.sort((a, b) => (a.document.id < b.document.id ? -1 : 1))
  return {
    rules: ruleSetOf(loaded, table, options),
    loaded,
    filters: library.filters.map(({ document }) => document),
    correlations: sound,
    deferred,
    errors: distinct([...mapErrors, ...library.problems.flatMap(({ found }) => found)])
  }
}
