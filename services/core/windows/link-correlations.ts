import type { Problems } from '../detect/errors.ts'
import type { Library, Parsed } from '../detect/rule-library.ts'
import { attackOf, type CorrelationDocument } from '../detect/sigma-document.ts'
import { nearest } from '../detect/suggest.ts'
import { fieldsOfResults, settledAfter_us } from '../profiles/profile-rule.ts'
import { REQUEST_FIELDS, START_FIELDS } from '../sessions/session-fields.ts'
import { withWaits } from './waits.ts'
import { answerGrain_us, MAX_ITEMS_PER_PART, modeOf, type WindowRule } from './window-rule.ts'

/** A field that a correlation needs of a rule's events, and who needs it. */
export interface CarriedField {
  readonly name: string
  readonly correlation: string
  readonly at: number
  readonly problems: Problems
}

export interface Linked {
  /** Those that can be evaluated, what they refer to before them. */
  readonly windows: readonly WindowRule[]
  /** Fields that signals of a rule have to carry, by rule id. */
  readonly carried: ReadonlyMap<string, readonly CarriedField[]>
  /** Ids of rules that do not alert by themselves. */
  readonly parts: ReadonlySet<string>
}

const PLACEHOLDERS = ['count', 'value', 'values']
const SESSION_PLACEHOLDERS = ['who', 'where', 'command', 'ran']

/** Names a part's values go by: its alias, else the field itself. */
function fieldFor({ document }: Parsed<CorrelationDocument>, reference: string, id: string, field: string): string {
  const alias = document.correlation.aliases.get(field)
  return alias?.get(reference) ?? alias?.get(id) ?? field
}

/** Depth of each correlation over the rules; those that refer to themselves, over any number of others, are reported. */
function depths(
  correlations: readonly Parsed<CorrelationDocument>[],
  targets: ReadonlyMap<string, string>
): ReadonlyMap<string, number> {
  const byId = new Map(correlations.map((parsed) => [parsed.document.id, parsed]))
  const known = new Map<string, number>()
  const open = new Set<string>()
  const visit = (parsed: Parsed<CorrelationDocument>): number | null => {
    const { document, problems } = parsed
    const before = known.get(document.id)
    if (before !== undefined) return before
    if (open.has(document.id)) return null
    open.add(document.id)
    let depth: number | null = 0
    for (const { text, at } of document.correlation.rules) {
      const inner = byId.get(targets.get(text) ?? '')
      if (inner === undefined) continue
      const below = visit(inner)
      if (below === null) {
        problems.report(at, 'RULE_REFERENCE', `${text} refers to this correlation again`)
        depth = null
      } else if (depth !== null) depth = Math.max(depth, below + 1)
    }
    open.delete(document.id)
    if (depth !== null) known.set(document.id, depth)
    return depth
  }
  for (const parsed of correlations) visit(parsed)
  return known
}

function checkBounds({ document, problems }: Parsed<CorrelationDocument>): void {
  const { correlation, at } = document
  for (const group of correlation.group_by) {
    if (group.includes('|'))
      problems.report(at, 'RULE_UNSUPPORTED', `group-by takes fields as they are, without modifiers: ${group}`)
  }
  if (correlation.type !== 'event_count' && correlation.type !== 'value_count') return
  for (const bound of correlation.criteria.values()) {
    if (bound > MAX_ITEMS_PER_PART)
      problems.report(at, 'RULE_TOO_LARGE', `at most ${MAX_ITEMS_PER_PART} events are counted, not ${bound}`)
  }
}

function templateOf({ document, problems }: Parsed<CorrelationDocument>): string {
  const { title } = document.weir
  if (title === null) return document.title
  const isSession = document.correlation.type === 'session'
  const known = isSession ? SESSION_PLACEHOLDERS : [...document.correlation.group_by, ...PLACEHOLDERS]
  for (const [, name = ''] of title.text.matchAll(/\{([^}]*)\}/g)) {
    if (!known.includes(name)) {
      problems.report(
        title.at,
        'RULE_FIELD_UNKNOWN',
        `the title of a correlation may name ${isSession ? known.join(', ') : 'its group-by fields, count, value and values'}, not ${name}`,
        nearest(name, known)
      )
    }
  }
  return title.text
}

/**
 * Resolves what correlations refer to, and works out which fields their rules' signals have to carry.
 * @param library all documents; what is wrong is reported in their problems
 */
export function linkCorrelations(library: Library): Linked {
  const targets = new Map<string, string>()
  for (const { document } of [...library.rules, ...library.correlations, ...library.profiles]) {
    targets.set(document.id, document.id)
    if (document.name !== null) targets.set(document.name, document.id)
  }
  const plain = new Set(library.rules.map(({ document }) => document.id))
  const alone = new Set<string>()
  const parts = new Set<string>()
  const errorsBefore = new Map(library.correlations.map(({ problems }) => [problems, problems.found.length]))
  for (const parsed of library.correlations) {
    const { document, problems } = parsed
    const { correlation } = document
    checkBounds(parsed)
    for (const { text, at } of correlation.rules) {
      const id = targets.get(text)
      if (id === undefined)
        problems.report(at, 'RULE_REFERENCE', `there is no rule ${text}`, nearest(text, targets.keys()))
      else if (correlation.heard && text !== correlation.rules[0]?.text && !plain.has(id))
        problems.report(
          at,
          'RULE_REFERENCE',
          `${text} cannot be an answer that has to be heard: it is no rule of single events`
        )
      else if (correlation.generate) alone.add(id)
      else parts.add(id)
    }
    for (const [alias, rules] of correlation.aliases) {
      for (const rule of rules.keys()) {
        if (targets.has(rule)) continue
        const message = `the alias ${alias} names a rule ${rule} that is not there`
        problems.report(document.at, 'RULE_REFERENCE', message, nearest(rule, targets.keys()))
      }
    }
  }
  const onlyParts = parts.difference(alone)
  const depth = depths(library.correlations, targets)
  /** Fields that results have, by id of the correlation or profile. */
  const results = new Map<string, readonly string[]>([
    ...library.correlations.map(({ document }) => [document.id, document.correlation.group_by] as const),
    ...library.profiles.map(({ document }) => [document.id, fieldsOfResults(document.profile)] as const)
  ])
  const carried = new Map<string, CarriedField[]>()
  const windows: WindowRule[] = []
  for (const parsed of library.correlations) {
    const { document, problems } = parsed
    const { correlation, weir } = document
    const fields = correlation.rules.map(({ text, at }) => {
      const id = targets.get(text) ?? ''
      const inner = results.get(id)
      if (correlation.type === 'session') {
        const source = library.rules.find((rule) => rule.document.id === id)?.document.logsource
        const wanted = source?.service === 'audit' ? REQUEST_FIELDS : START_FIELDS
        const before = carried.get(id) ?? []
        carried.set(id, [...before, ...wanted.map((name) => ({ name, correlation: document.id, at, problems }))])
        return { group: [], counted: [] }
      }
      const named = (field: string): string => {
        const name = fieldFor(parsed, text, id, field)
        if (inner === undefined) {
          const before = carried.get(id) ?? []
          carried.set(id, [...before, { name, correlation: document.id, at, problems }])
        } else if (!inner.includes(name)) {
          const message = `results of ${text} have the fields that name its groups, ${name} is none of them`
          problems.report(at, 'RULE_FIELD_UNKNOWN', message, nearest(name, inner))
        }
        return name
      }
      return { group: correlation.group_by.map(named), counted: correlation.fields.map(named) }
    })
    const template = templateOf(parsed)
    const level = document.level ?? 'medium'
    const own = depth.get(document.id)
    if (own === undefined || problems.found.length > (errorsBefore.get(problems) ?? 0)) continue
    windows.push({
      id: document.id,
      name: document.name,
      code: weir.code,
      title: document.title,
      level,
      severity: weir.severity ?? level,
      ...attackOf(document.tags),
      playbook: weir.playbook,
      investigation: weir.investigation.map(({ step, query }) => ({ step, query: query?.text ?? null })),
      template,
      correlation,
      role: onlyParts.has(document.id) ? 'part' : 'alert',
      parts: correlation.rules.map(({ text }) => targets.get(text) ?? ''),
      timespan_us: correlation.timespan_ms * 1000,
      mode: modeOf(correlation),
      fields,
      depth: own,
      // Known when the rules are compiled.
      sources: [],
      grain_us: answerGrain_us(correlation),
      wait_us: 0
    })
  }
  windows.sort((a, b) => a.depth - b.depth || (a.id < b.id ? -1 : 1))
  return {
    windows: withWaits(
      windows,
      new Map(library.profiles.map(({ document }) => [document.id, settledAfter_us(document.profile)]))
    ),
    carried,
    parts: onlyParts
  }
}

/**
 * Those whose parts are all there: leaves out, and reports, what refers to rules, correlations or profiles that did not load.
 * @param loaded ids of the rules and profiles that did
 */
export function soundWindows(
  windows: readonly WindowRule[],
  loaded: ReadonlySet<string>,
  broken: ReadonlySet<string>,
  report: (rule: WindowRule, part: string) => void
): readonly WindowRule[] {
  const known = new Set(loaded)
  return windows.filter((rule) => {
    if (broken.has(rule.id)) return false
    const missing = rule.parts.find((part) => !known.has(part))
    if (missing === undefined) known.add(rule.id)
    else report(rule, missing)
    return missing === undefined
  })
}
