import { type Problems, problemsOf } from './errors.ts'
import { formatLogsource, type Logsource, type RuleFile } from './field-map.ts'
import type { Placeholders } from './modifiers.ts'
import {
  type CorrelationDocument,
  type FilterDocument,
  type ProfileDocument,
  parseDocument,
  type RuleDocument,
  type SigmaDocument
} from './sigma-document.ts'
import { nearest } from './suggest.ts'
import { parseYaml } from './yaml-source.ts'

/** A document that was read and is not evaluated on single events. */
export interface DeferredDocument {
  readonly file: string
  readonly line: number
  readonly id: string
  readonly title: string
  /**
   * Its status says not to use it.
   */
  readonly reason: 'deprecated' | 'unsupported'
}

/** One parsed document with where its problems go. */
export interface Parsed<Document extends SigmaDocument> {
  readonly document: Document
  readonly problems: Problems
}

/** All documents of a set of files, by kind, before any field is looked up. */
export interface Library {
  readonly rules: readonly Parsed<RuleDocument>[]
  readonly filters: readonly Parsed<FilterDocument>[]
  readonly correlations: readonly Parsed<CorrelationDocument>[]
  readonly profiles: readonly Parsed<ProfileDocument>[]
  readonly deferred: readonly DeferredDocument[]
  readonly problems: readonly Problems[]
}

/** Lists a document as one that is not evaluated on single events. */
export const deferral = (document: SigmaDocument, reason: DeferredDocument['reason']): DeferredDocument => ({
  file: document.file,
  line: document.line,
  id: document.id,
  title: document.title,
  reason
})

/** Reads all documents; what cannot be read, or bears the id or name of another, is reported and left out. */
export function readLibrary(files: readonly RuleFile[], placeholders: Placeholders): Library {
  const rules: Parsed<RuleDocument>[] = []
  const filters: Parsed<FilterDocument>[] = []
  const correlations: Parsed<CorrelationDocument>[] = []
  const profiles: Parsed<ProfileDocument>[] = []
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
      else if (document.status === 'deprecated' || document.status === 'unsupported')
        deferred.push(deferral(document, document.status))
      else if (document.kind === 'profile') profiles.push({ document, problems })
      else if (document.kind === 'correlation') correlations.push({ document, problems })
      else rules.push({ document, problems })
    }
  }
  return { rules, filters, correlations, profiles, deferred, problems: all }
}

const ATTRIBUTES = ['product', 'category', 'service'] as const

/** Whether a filter's log source covers a rule's: every attribute that it gives is the rule's. */
function covers(filter: Logsource, rule: Logsource): boolean {
  return ATTRIBUTES.every((attribute) => filter[attribute] === null || filter[attribute] === rule[attribute])
}

/** The rules that each filter is for, by rule id; filters that name no fitting rule are reported. */
export function assignFilters(library: Library): ReadonlyMap<string, readonly Parsed<FilterDocument>[]> {
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
  for (const { document: rule, problems } of library.rules) {
    for (const { text, at } of rule.weir.filters) {
      const filter = library.filters.find(({ document }) => document.name === text)
      // What the rule takes is compiled with the rule's own fields, whatever log source the filter was written for.
      if (filter === undefined) {
        const known = library.filters.flatMap(({ document }) => document.name ?? [])
        problems.report(at, 'RULE_REFERENCE', `there is no filter ${text}`, nearest(text, known))
      } else assign(rule, filter)
    }
  }
  return assigned
}
